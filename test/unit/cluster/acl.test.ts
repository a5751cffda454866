import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AclBinding,
  type AclFilter,
  bindingKey,
  bindingProblem,
  filterProblem,
  matchesFilter,
  supportedOperations,
} from "../../../src/cluster/acl.ts";
import { AclIndex, EVERY_RIGHT, NO_RIGHT } from "../../../src/cluster/acl-index.ts";
import {
  AclOperation as Op,
  AclPatternType as Pattern,
  AclPermission as Permission,
  AclResourceType as Type,
} from "../../../src/protocol/acl-codes.ts";

function acl(more: Partial<AclBinding> = {}): AclBinding {
  return {
    ...{ resourceType: Type.TOPIC, resourceName: "orders", patternType: Pattern.LITERAL },
    ...{ principal: "User:alice", host: "*", operation: Op.READ, permission: Permission.ALLOW },
    ...more,
  };
}

function index(bindings: readonly AclBinding[], allowEveryone = false): AclIndex {
  return new AclIndex(bindings, { allowEveryone });
}

/** One rule after the other, as StandardAuthorizerData's comments say it. */
function slowly(
  bindings: readonly AclBinding[],
  allowEveryone: boolean,
  who: { readonly principal: string; readonly host: string },
  operation: number,
  resourceType: number,
  name: string,
): boolean {
  const about = bindings.filter(
    (one) =>
      one.resourceType === resourceType &&
      (one.patternType === Pattern.PREFIXED
        ? name.startsWith(one.resourceName)
        : one.resourceName === name || one.resourceName === "*"),
  );
  if (about.length === 0) return allowEveryone;
  const mine = about.filter(
    (one) =>
      [who.principal, "User:*"].includes(one.principal) && ["*", who.host].includes(one.host),
  );
  for (const one of mine) {
    if (one.permission !== Permission.DENY) continue;
    if (one.operation === operation || one.operation === Op.ALL) return false;
  }
  return mine.some((one) => {
    if (one.permission !== Permission.ALLOW) return false;
    if (one.operation === operation || one.operation === Op.ALL) return true;
    if (operation === Op.DESCRIBE) {
      return [Op.READ, Op.WRITE, Op.DELETE, Op.ALTER].some((other) => other === one.operation);
    }
    return operation === Op.DESCRIBE_CONFIGS && one.operation === Op.ALTER_CONFIGS;
  });
}

const names = ["a", "ab", "abc", "b", "ba", "*"];
const principals = ["User:alice", "User:bob", "User:*"];
const hosts = ["*", "10.0.0.1", "10.0.0.2"];
const types = [Type.TOPIC, Type.GROUP];
const bindings = fc.array(
  fc.record({
    resourceType: fc.constantFrom(...types),
    resourceName: fc.constantFrom(...names),
    patternType: fc.constantFrom(Pattern.LITERAL, Pattern.PREFIXED),
    principal: fc.constantFrom(...principals),
    host: fc.constantFrom(...hosts),
    operation: fc.constantFrom(...Object.values(Op).filter((code) => code !== Op.ANY)),
    permission: fc.constantFrom(Permission.ALLOW, Permission.DENY),
  }),
  { maxLength: 12 },
);
const asker = fc.record({
  principal: fc.constantFrom("User:alice", "User:bob", "User:carol"),
  host: fc.constantFrom("10.0.0.1", "10.0.0.2", ""),
});

describe("the authorizer", () => {
  test("ACL1: what is compiled decides as the slow and obvious version does", () => {
    fc.assert(
      fc.property(bindings, fc.boolean(), asker, (some, allowEveryone, who) => {
        const rights = index(some, allowEveryone).rightsOf(who.principal, who.host);
        for (const type of types) {
          for (const name of ["a", "ab", "abcd", "b", "c", ""]) {
            let field = 0;
            for (const operation of supportedOperations(type)) {
              const wanted = slowly(some, allowEveryone, who, operation, type, name);
              expect(rights.allows(operation, type, name)).toBe(wanted);
              if (wanted) field |= 1 << operation;
            }
            expect(rights.operations(type, name)).toBe(field);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("ACL1: nothing is allowed that no rule allows", () => {
    const rights = index([]).rightsOf("User:alice", "10.0.0.1");
    expect(rights.allows(Op.DESCRIBE, Type.TOPIC, "orders")).toBe(false);
    expect(rights.operations(Type.TOPIC, "orders")).toBe(0);
    expect(rights.allowsSomewhere(Op.WRITE, Type.TOPIC)).toBe(false);
  });

  test("ACL2: a DENY wins over every ALLOW, and denies no more than it says", () => {
    const some = [
      acl({ operation: Op.ALL, resourceName: "*" }),
      acl({ operation: Op.READ, permission: Permission.DENY, patternType: Pattern.PREFIXED }),
    ];
    const rights = index(some).rightsOf("User:alice", "");
    expect(rights.allows(Op.READ, Type.TOPIC, "orders-1")).toBe(false);
    expect(rights.allows(Op.READ, Type.TOPIC, "order")).toBe(true);
    expect(rights.allows(Op.DESCRIBE, Type.TOPIC, "orders")).toBe(true);
    expect(rights.allows(Op.WRITE, Type.TOPIC, "orders")).toBe(true);
  });

  test("ACL3: whether there is anything to write to, as if every name were tried", () => {
    // Names that tell all patterns above apart: each literal, each prefix and one that is in none.
    const tried = ["a", "ab", "abc", "abz", "az", "b", "ba", "baz", "bz", "c", "*z", "*"];
    fc.assert(
      fc.property(bindings, asker, (some, who) => {
        const rights = index(some).rightsOf(who.principal, who.host);
        const found = tried.some((name) => slowly(some, false, who, Op.WRITE, Type.TOPIC, name));
        // Kafka's answer may be yes where DENY rules together cover what one ALLOW rule gives.
        if (found) expect(rights.allowsSomewhere(Op.WRITE, Type.TOPIC)).toBe(true);
        const anyAllow = some.some((one) => one.permission === Permission.ALLOW);
        if (!anyAllow) expect(rights.allowsSomewhere(Op.WRITE, Type.TOPIC)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    ["an ALLOW", [acl({ operation: Op.WRITE })], true],
    ["a prefix", [acl({ operation: Op.ALL, patternType: Pattern.PREFIXED })], true],
    ["reading is not writing", [acl()], false],
    ["another's", [acl({ operation: Op.WRITE, principal: "User:bob" })], false],
    [
      "all denied",
      [
        acl({ operation: Op.WRITE }),
        acl({ operation: Op.WRITE, resourceName: "*", permission: Permission.DENY }),
      ],
      false,
    ],
    [
      "denied by a prefix above",
      [
        acl({ operation: Op.WRITE, patternType: Pattern.PREFIXED }),
        acl({
          ...{ operation: Op.ALL, resourceName: "ord", patternType: Pattern.PREFIXED },
          permission: Permission.DENY,
        }),
      ],
      false,
    ],
    [
      "a part of it denied",
      [
        acl({ operation: Op.WRITE, patternType: Pattern.PREFIXED }),
        acl({ operation: Op.WRITE, permission: Permission.DENY }),
      ],
      true,
    ],
  ])("ACL3: somewhere to write to: %s", (_, some, wanted) => {
    const rights = index(some).rightsOf("User:alice", "");
    expect(rights.allowsSomewhere(Op.WRITE, Type.TOPIC)).toBe(wanted);
  });

  test("super users have every right, those nobody knows none", () => {
    expect(EVERY_RIGHT.allows(Op.ALTER, Type.CLUSTER, "kafka-cluster")).toBe(true);
    expect(EVERY_RIGHT.operations(Type.TOPIC, "t")).toBe(0b1101_1111_1000);
    expect(NO_RIGHT.operations(Type.TOPIC, "t")).toBe(0);
    expect(NO_RIGHT.allowsSomewhere(Op.WRITE, Type.TOPIC)).toBe(false);
  });
});

describe("bindings and filters", () => {
  test.each([
    ["", {}, null],
    ["resource type", { resourceType: 0 }, "Invalid resource type 0"],
    ["ANY as a type", { resourceType: Type.ANY }, "Invalid resource type 1"],
    ["MATCH as a pattern", { patternType: Pattern.MATCH }, "Invalid pattern type 2"],
    ["ANY as a permission", { permission: Permission.ANY }, "Invalid permission type 1"],
    ["an operation of another type", { operation: Op.CLUSTER_ACTION }, "does not apply"],
    ["ALL", { operation: Op.ALL }, null],
    ["no name", { resourceName: "" }, "Invalid empty resource name"],
    [
      "a cluster of another name",
      { resourceType: Type.CLUSTER, operation: Op.ALTER },
      "The only valid name for the CLUSTER resource is kafka-cluster",
    ],
    ["a principal without type", { principal: "alice" }, 'Invalid principal "alice"'],
    ["a group", { principal: "Group:g" }, 'Invalid principal "Group:g"'],
    ["no host", { host: "" }, "Invalid empty host"],
    ["a long name", { resourceName: "x".repeat(513) }, "has 513 characters"],
    ["half a character", { principal: "User:\ud800" }, "valid Unicode"],
  ] as const)("ACL4: a binding that cannot be is refused: %s", (_, more, problem) => {
    const found = bindingProblem(acl(more));
    if (problem === null) expect(found).toBeNull();
    else expect(found).toContain(problem);
  });

  const any: AclFilter = {
    ...{ resourceType: Type.ANY, resourceName: null, patternType: Pattern.ANY },
    ...{ principal: null, host: null, operation: Op.ANY, permission: Permission.ANY },
  };

  test("ACL5: a filter of nothing finds everything, a binding finds itself alone", () => {
    fc.assert(
      fc.property(bindings, fc.nat(), (some, at) => {
        expect(some.every((one) => matchesFilter(one, any))).toBe(true);
        const wanted = some[at % Math.max(some.length, 1)];
        if (wanted === undefined) return;
        const found = some.filter((one) => matchesFilter(one, wanted));
        expect(new Set(found.map(bindingKey))).toEqual(new Set([bindingKey(wanted)]));
      }),
    );
  });

  test("ACL5: MATCH finds what concerns a name, and that is what decides about it", () => {
    fc.assert(
      fc.property(bindings, fc.constantFrom("a", "abc", "b", "c"), (some, name) => {
        const filter = { ...any, patternType: Pattern.MATCH, resourceName: name };
        const found = some.filter((one) => matchesFilter(one, filter));
        const who = { principal: "User:alice", host: "10.0.0.1" };
        for (const operation of supportedOperations(Type.TOPIC)) {
          const all = slowly(some, false, who, operation, Type.TOPIC, name);
          expect(slowly(found, false, who, operation, Type.TOPIC, name)).toBe(all);
        }
      }),
    );
  });

  test("ACL5: unknown codes find nothing: they are refused", () => {
    expect(filterProblem(any)).toBeNull();
    const wrong = [
      { resourceType: 0 },
      { resourceType: 8 },
      { patternType: 0 },
      { patternType: 5 },
      { operation: 0 },
      { operation: 16 },
      { permission: 0 },
      { permission: 4 },
    ];
    for (const more of wrong) expect(filterProblem({ ...any, ...more })).toContain("unknown");
  });
});
