/** The house's own rule: SPEC.md, the code's comments and the tests speak of the same rules. */
import { expect, test } from "vitest";
import { filesBelow } from "../house/sources.ts";

const spec = filesBelow("src/log", "SPEC.md")[0]?.text ?? "";
const rules = [...spec.matchAll(/^- \*\*(LOG\d+)\*\*/gm)].map((match) => match[1] ?? "");
const tests = filesBelow("test", ".test.ts").concat(
  filesBelow("test/contract").filter(({ path }) => !path.endsWith(".test.ts")),
);

/** The rule ids with which the titles in a file begin: `test("LOG1 LOG2: …`, `["LOG3: …`. */
function idsOfTitles(text: string): string[] {
  return [...text.matchAll(/[([]\s*["'`]((?:LOG\d+[ ,]*)+):? /g)].flatMap(
    (match) => match[1]?.match(/LOG\d+/g) ?? [],
  );
}

const shown = new Set(tests.flatMap(({ text }) => idsOfTitles(text)));

test("SPEC.md numbers each rule once, in order", () => {
  expect(rules.length).toBeGreaterThan(30);
  const numbers = rules.map((id) => Number(id.slice(3)));
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
});

test("every rule of SPEC.md has a test whose title begins with it", () => {
  expect(rules.filter((id) => !shown.has(id))).toEqual([]);
});

test("no title names a rule that SPEC.md does not have", () => {
  expect([...shown].filter((id) => !rules.includes(id))).toEqual([]);
});

test("no source names a rule that SPEC.md does not have", () => {
  const wrong = filesBelow("src").flatMap(({ path, text }) =>
    [...text.matchAll(/LOG\d+/g)]
      .filter(([id]) => !rules.includes(id))
      .map(([id]) => `${path}: ${id}`),
  );
  expect(wrong).toEqual([]);
});

test("titles are found in every form they are written in, and nowhere else", () => {
  const text = [
    'test("LOG1 LOG2: a", () => {',
    "test.each([1])('LOG3: b %i', (n) => {",
    "test(`LOG4: $n seeds`, () => {",
    '  ["LOG5: a lower epoch", 4],',
    'expect("x").toBe("LOG6"); // "LOG7: c"',
    'test("the rule LOG8 is not first", () => {',
  ].join("\n");
  expect(idsOfTitles(text)).toEqual(["LOG1", "LOG2", "LOG3", "LOG4", "LOG5"]);
});
