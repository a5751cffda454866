import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes, utf8Decode, utf8Encode } from "../../../src/lib/bytes.ts";
import { JsonObjectSplitter } from "../../../src/rest/json-stream.ts";

/** Cuts `bytes` at the given places and pushes the pieces. */
function split(bytes: Uint8Array, cuts: readonly number[], maxBytes = 1_000_000) {
  const splitter = new JsonObjectSplitter(maxBytes);
  const values: Uint8Array[] = [];
  const places = [...new Set(cuts.map((c) => c % (bytes.length + 1)))].sort((a, b) => a - b);
  let from = 0;
  for (const to of [...places, bytes.length]) {
    // A copy: a view that outlives its chunk must not be what makes the test pass.
    values.push(...splitter.push(bytes.slice(from, to)));
    from = to;
  }
  splitter.end();
  return { values, failure: splitter.failure, splitter };
}

const jsonObject = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 6 });
const separator = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
const cuts = fc.array(fc.nat(2_000), { maxLength: 40 });

describe("any chunking", () => {
  test("REST12: gives the same objects, byte for byte and in order", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(jsonObject, separator)), cuts, (objects, at) => {
        const texts = objects.map(([object]) => JSON.stringify(object));
        const body = texts.map((text, i) => text + (objects[i]?.[1] ?? "")).join("");
        const { values, failure } = split(utf8Encode(body), at);
        expect(failure).toBeNull();
        expect(values.map(utf8Decode)).toEqual(texts);
      }),
      { numRuns: 500 },
    );
  });

  test("REST12: gives the same objects and the same failure when the body is not JSON", () => {
    fc.assert(
      fc.property(
        fc.array(jsonObject, { maxLength: 4 }),
        fc.constantFrom("[1]", "1", "}", "x", '"a"', "{]", '{"a":[}', "{", '{"a', '{"a":"\\', ","),
        cuts,
        (objects, bad, at) => {
          const good = objects.map((object) => JSON.stringify(object));
          const body = utf8Encode(good.join("") + bad);
          const whole = split(body, []);
          const cut = split(body, at);
          expect(whole.failure).not.toBeNull();
          expect(cut.failure).toBe(whole.failure);
          expect(cut.values.map(utf8Decode)).toEqual(good);
          expect(whole.values.map(utf8Decode)).toEqual(good);
        },
      ),
    );
  });

  test("REST12: of random bytes never throws, and gives the same as the whole", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }).map((b) => b.map((x) => '{}[]"\\ a'.charCodeAt(x % 8))),
        cuts,
        (body, at) => {
          const whole = split(body, []);
          const cut = split(body, at);
          expect(cut.failure).toBe(whole.failure);
          expect(cut.values).toEqual(whole.values);
          expect(concatBytes(whole.values).length).toBeLessThanOrEqual(body.length);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe("failures", () => {
  const failureOf = (text: string, maxBytes?: number) => split(utf8Encode(text), [], maxBytes);

  test("name the byte and what was expected", () => {
    expect(failureOf('{"a":1} [').failure).toBe(
      'expected "{", the start of a record, but found "[" (byte 8 of the body)',
    );
    expect(failureOf("{]").failure).toBe('"]" closes what it did not open (byte 1 of the body)');
    expect(failureOf('{"a":').failure).toBe(
      "the body ends inside a record of 5 bytes so far (byte 5 of the body)",
    );
    expect(failureOf("\u0001").failure).toContain("byte 0x01");
  });

  test("REST14: a record over the bound ends the stream, whether it is complete or not", () => {
    expect(failureOf(`{"a":"${"x".repeat(20)}"}`, 10).failure).toContain("larger than 10 bytes");
    expect(failureOf(`{"a":"${"x".repeat(20)}`, 10).failure).toContain("larger than 10 bytes");
    expect(failureOf('{"a":"xx"}', 10).failure).toBeNull();
    const { values, failure } = failureOf('{"a":1}{"bbbbbbbbbbbb":1}', 10);
    expect(values.map(utf8Decode)).toEqual(['{"a":1}']);
    expect(failure).toContain("larger than 10 bytes");
  });

  test("REST14: the bound counts what earlier chunks held", () => {
    const splitter = new JsonObjectSplitter(10);
    for (const piece of ['{"a":"', "xxx", "xxx"]) splitter.push(utf8Encode(piece));
    expect(splitter.failure).toContain("larger than 10 bytes");
    expect(splitter.push(utf8Encode('"}{}'))).toEqual([]);
  });

  test("REST14: nesting is bounded", () => {
    expect(failureOf(`{"a":${"[".repeat(512)}`).failure).toContain("nested deeper than 512");
    expect(failureOf(`{"a":${"[".repeat(511)}${"]".repeat(511)}}`).failure).toBeNull();
  });

  test("idle tells objects from the room between them", () => {
    const splitter = new JsonObjectSplitter(100);
    expect(splitter.idle).toBe(true);
    splitter.push(utf8Encode(' {"a":'));
    expect(splitter.idle).toBe(false);
    splitter.push(utf8Encode("1} "));
    expect(splitter.idle).toBe(true);
  });
});
