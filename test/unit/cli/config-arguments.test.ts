import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  actionOf,
  alterTask,
  type ConfigsOptions,
  entityOf,
  parseConfigs,
} from "../../../src/cli/config-arguments.ts";

const OF_TOPIC = { entityType: ["topics"], entityName: ["t"] };

describe("--add-config", () => {
  test.each([
    ["a=1", { a: "1" }],
    ["a=1,b=2", { a: "1", b: "2" }],
    ["cleanup.policy=[compact,delete],b=2", { "cleanup.policy": "compact,delete", b: "2" }],
    ["b=2,cleanup.policy=[compact,delete]", { b: "2", "cleanup.policy": "compact,delete" }],
    [" a = 1 , b = [x] ", { a: "1", b: "x" }],
    ["a=", { a: "" }],
    ["a=[x=1,y=2]", { a: "x=1,y=2" }],
  ])("%s", (text, configs) => {
    expect(parseConfigs(text)).toEqual(configs);
  });

  test.each(["", "a", "a=1,b", "a=b=c", "a=1,,b=2"])("%j is refused", (text) => {
    expect(() => parseConfigs(text)).toThrow(/^Invalid entity config: all configs to be added/);
  });

  test("a file of properties does the same", () => {
    const file = join(tmpdir(), `kedge-configs-${process.pid}.properties`);
    writeFileSync(file, "# some\nretention.ms=5\ncleanup.policy: compact,delete\n");
    const { add } = alterTask({ ...OF_TOPIC, alter: true, addConfigFile: file });
    rmSync(file);
    expect(add).toEqual({ "retention.ms": "5", "cleanup.policy": "compact,delete" });
  });
});

describe("what is altered", () => {
  test("configs are added and deleted, lists of names by commas", () => {
    const options = { ...OF_TOPIC, alter: true, addConfig: "a=1", deleteConfig: ["b, c", "d"] };
    expect(alterTask(options as ConfigsOptions)).toEqual({
      ...{ entityType: "topics", entityName: "t" },
      ...{ add: { a: "1" }, remove: ["b", "c", "d"] },
    });
  });

  test.each<[string, ConfigsOptions, string]>([
    ["nothing to change", OF_TOPIC, "At least one of --add-config, --add-config-file, or"],
    [
      "both ways to add",
      { ...OF_TOPIC, addConfig: "a=1", addConfigFile: "f" },
      "Only one of --add",
    ],
    ["no topic", { entityType: ["topics"], addConfig: "a=1" }, "An entity name must be specified"],
    [
      "no broker",
      { entityType: ["brokers"], addConfig: "a=1" },
      "An entity-name or default entity",
    ],
    [
      "a bad name",
      { ...OF_TOPIC, addConfig: "a b=1" },
      "Invalid character found for config key: a b",
    ],
    [
      "an empty name",
      { ...OF_TOPIC, deleteConfig: ["a,"] },
      "Invalid character found for config key",
    ],
  ])("%s is refused", (_, options, message) => {
    expect(() => alterTask(options)).toThrow(message);
  });
});

describe("whose configs", () => {
  test.each<[ConfigsOptions, "brokers" | "topics", string | null]>([
    [{ entityType: ["topics"] }, "topics", null],
    [OF_TOPIC, "topics", "t"],
    [{ topic: "t" }, "topics", "t"],
    [{ entityType: ["brokers"], entityName: ["2"] }, "brokers", "2"],
    [{ entityType: ["brokers"], entityDefault: true }, "brokers", ""],
    [{ broker: "2" }, "brokers", "2"],
    [{ brokerDefaults: true }, "brokers", ""],
  ])("%j", (options, entityType, entityName) => {
    expect(entityOf(options)).toEqual({ entityType, entityName });
  });

  test.each<[ConfigsOptions, string]>([
    [{}, "At least one entity type must be specified"],
    [
      { entityType: ["tables"] },
      "Invalid entity type tables, the entity type must be one of topics",
    ],
    [{ entityType: ["topics", "brokers"] }, "Only 'users' and 'clients' entity types may be"],
    [{ topic: "t", entityName: ["u"] }, "--entity-{type,name,default} should not be used"],
    [{ entityType: ["brokers"], entityName: ["1", "2"] }, "Only one of --entity-name and"],
    [
      { entityType: ["topics"], entityDefault: true },
      "--entity-default must not be specified with",
    ],
    [{ broker: "x" }, "must be a valid integer broker id, but it is: x"],
    [
      { entityType: ["users"], entityName: ["u"] },
      "Entity type users has no configs in Kedge: quotas",
    ],
    [{ user: "u", client: "c" }, "Entity type users, clients has no configs in Kedge: quotas"],
    [{ clientDefaults: true }, "Entity type clients has no configs in Kedge: quotas are not there"],
    [{ entityType: ["groups"] }, "Entity type groups has no configs in Kedge"],
  ])("%j is refused", (options, message) => {
    expect(() => entityOf(options)).toThrow(message);
  });
});

describe("the action", () => {
  test.each<[ConfigsOptions, string]>([
    [{}, "Command must include exactly one action: --describe, --alter"],
    [{ alter: true, describe: true }, "Command must include exactly one action"],
    [{ alter: true, all: true }, 'Option "--all" can\'t be used with option "--alter"'],
    [{ describe: true, addConfig: "a=1" }, 'Option "--add-config" can\'t be used with option'],
    [{ describe: true, deleteConfig: ["a"] }, 'Option "--delete-config" can\'t be used with'],
  ])("%j is refused", (options, message) => {
    expect(() => actionOf(options)).toThrow(message);
  });

  test("is one of two", () => {
    expect(actionOf({ alter: true })).toBe("alter");
    expect(actionOf({ describe: true, all: true })).toBe("describe");
  });
});
