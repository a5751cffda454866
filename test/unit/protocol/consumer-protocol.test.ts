import { describe, expect, it } from "vitest";
import {
  decodeConsumerAssignment,
  decodeConsumerSubscription,
  encodeConsumerAssignment,
  encodeConsumerSubscription,
} from "../../../src/protocol/consumer-protocol.ts";
import { ProtocolError } from "../../../src/protocol/errors.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));

const subscription = {
  topics: ["foo"],
  userData: Uint8Array.of(7),
  ownedPartitions: [{ topic: "foo", partitions: [2] }],
  generationId: 5,
  rackId: "eu",
};

/** Written by hand after ConsumerProtocolSubscription.json. */
const SUBSCRIPTIONS = [
  "0000 00000001 0003666f6f 00000001 07",
  "0001 00000001 0003666f6f 00000001 07 00000001 0003666f6f 00000001 00000002",
  "0002 00000001 0003666f6f 00000001 07 00000001 0003666f6f 00000001 00000002 00000005",
  "0003 00000001 0003666f6f 00000001 07 00000001 0003666f6f 00000001 00000002 00000005 00026575",
];

describe("subscriptions", () => {
  it.each(SUBSCRIPTIONS.map((text, version) => ({ version, text })))(
    "are Kafka's bytes in version $version",
    ({ version, text }) => {
      expect(hex(encodeConsumerSubscription(subscription, version))).toBe(hex(bytes(text)));
      expect(decodeConsumerSubscription(bytes(text))).toEqual({
        topics: ["foo"],
        userData: Uint8Array.of(7),
        ownedPartitions: version >= 1 ? subscription.ownedPartitions : [],
        generationId: version >= 2 ? 5 : -1,
        rackId: version >= 3 ? "eu" : null,
      });
    },
  );

  it("of a version to come are read as the newest known one", () => {
    const later = bytes(`${SUBSCRIPTIONS[3]?.replace("0003", "0009")} ffff`);
    expect(decodeConsumerSubscription(later)).toEqual(subscription);
  });

  it.each(["", "00", "ffff 00000000", "0000 00000001 0003666f", "0000 7fffffff"])(
    "%s is none",
    (text) => {
      expect(() => decodeConsumerSubscription(bytes(text))).toThrow(ProtocolError);
    },
  );
});

describe("assignments", () => {
  const assignment = {
    assignedPartitions: [{ topic: "foo", partitions: [0, 1] }],
    userData: null,
  };
  const text = "00000001 0003666f6f 00000002 00000000 00000001 ffffffff";

  it.each([0, 1, 2, 3])("are Kafka's bytes in version %i", (version) => {
    const whole = bytes(`000${version} ${text}`);
    expect(hex(encodeConsumerAssignment(assignment, version))).toBe(hex(whole));
    expect(decodeConsumerAssignment(whole)).toEqual(assignment);
  });

  it("of no bytes assign nothing", () => {
    expect(decodeConsumerAssignment(new Uint8Array(0))).toEqual({
      assignedPartitions: [],
      userData: null,
    });
  });
});
