import { describe, expect, test } from "vitest";
import { type Geography, nearestBroker, readerAt } from "../../../src/cluster/nearest.ts";
import type { BrokerInfo } from "../../../src/cluster/types.ts";
import { isHint } from "../../../src/objects/partition-name.ts";

function brokersAt(...hints: string[]): BrokerInfo[] {
  return hints.map((hint, i) => ({ brokerId: i + 1, rack: hint, hint, fenced: false }));
}

const DEFAULT = brokersAt("wnam", "weur", "apac");

function hintFor(geography: Geography, brokers = DEFAULT): string | null {
  const reader = readerAt(geography);
  return reader && (nearestBroker(brokers, reader)?.hint ?? null);
}

describe("CLU15: the nearest broker", () => {
  test.each([
    ["NA", "wnam"],
    ["SA", "weur"],
    ["EU", "weur"],
    ["AF", "weur"],
    ["AS", "apac"],
    ["OC", "apac"],
  ])("of a cluster as it begins, from %s, is in %s", (continent, hint) => {
    expect(hintFor({ continent })).toBe(hint);
  });

  test.each([
    ["Seattle", "47.6", "-122.3", "wnam"],
    ["Miami", "25.8", "-80.2", "enam"],
    ["São Paulo", "-23.5", "-46.6", "enam"],
    ["Lisbon", "38.7", "-9.1", "weur"],
    ["Warsaw", "52.2", "21.0", "eeur"],
    ["Lagos", "6.5", "3.4", "weur"],
    ["Mumbai", "19.1", "72.9", "apac"],
    ["Osaka", "34.7", "135.5", "apac-ne"],
    ["Auckland", "-36.8", "174.8", "oc"],
    ["Suva, across the date line", "-18.1", "178.4", "oc"],
    ["Lima", "-12", "-77", "enam"],
    ["Honolulu", "21.3", "-157.9", "wnam"],
  ])("%s: coordinates decide within a continent", (_, latitude, longitude, hint) => {
    const all = brokersAt("wnam", "enam", "weur", "eeur", "apac", "apac-ne", "oc");
    expect(hintFor({ continent: "AN", latitude, longitude }, all)).toBe(hint);
  });

  test("is unknown for a reader who is nowhere", () => {
    const nowhere: Geography[] = [
      {},
      { continent: "T1" },
      { continent: "XX" },
      { continent: "toString" },
      { latitude: "48.1" },
      { latitude: "", longitude: "" },
      { latitude: "91", longitude: "0" },
      { latitude: "north", longitude: "0" },
    ];
    for (const geography of nowhere) expect(readerAt(geography)).toBeNull();
    expect(readerAt({ continent: "EU", latitude: "x", longitude: "y" })).toEqual(
      readerAt({ continent: "EU" }),
    );
  });

  test("is the first of equals, and never one whose hint is unknown", () => {
    const reader = { latitude: 50, longitude: 9 };
    expect(nearestBroker(brokersAt("sam", "enam"), reader)?.brokerId).toBe(1);
    expect(nearestBroker(brokersAt("moon", "apac"), reader)?.hint).toBe("apac");
    expect(nearestBroker(brokersAt("moon", "constructor"), reader)).toBeNull();
    expect(nearestBroker([], reader)).toBeNull();
  });

  test("every location hint of the platform has its place", () => {
    const hints = [
      "wnam",
      "enam",
      "sam",
      "weur",
      "eeur",
      "apac",
      "apac-ne",
      "apac-se",
      "oc",
      "afr",
    ];
    for (const hint of [...hints, "me"]) {
      expect(isHint(hint)).toBe(true);
      expect(nearestBroker(brokersAt(hint), { latitude: 0, longitude: 0 })?.hint).toBe(hint);
    }
  });
});
