import fc from "fast-check";
import { expect, test } from "vitest";
import { SupportedProtocols } from "../../../src/group/classic/protocols.ts";

interface Voter {
  readonly offer: { readonly protocols: readonly { readonly name: string }[] };
}

const voter = fc
  .uniqueArray(fc.constantFrom("range", "roundrobin", "sticky", "cooperative"), { minLength: 1 })
  .map((names): Voter => ({ offer: { protocols: names.map((name) => ({ name })) } }));

/** Kafka's own way: candidates first, then each vote, then the count. */
function slowly(voters: readonly Voter[]): string | null {
  const lists = voters.map(({ offer }) => offer.protocols.map(({ name }) => name));
  const candidates = (lists[0] ?? []).filter((name) => lists.every((list) => list.includes(name)));
  const votes = lists.map((list) => list.find((name) => candidates.includes(name)));
  const count = (name: string) => votes.filter((vote) => vote === name).length;
  const best = Math.max(0, ...candidates.map(count));
  return votes.find((vote) => vote !== undefined && count(vote) === best) ?? null;
}

test("GRP43 the vote is what counting everything anew gives, as members come and go", () => {
  const step = fc.record({ add: voter, removeAt: fc.option(fc.nat(9), { freq: 3 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const protocols = new SupportedProtocols();
      const voters: Voter[] = [];
      for (const { add, removeAt } of steps) {
        voters.push(add);
        protocols.add(add);
        const [gone] = removeAt === null ? [] : voters.splice(removeAt % voters.length, 1);
        if (gone !== undefined) protocols.remove(gone);
        expect(protocols.select(voters, voters.length)).toBe(slowly(voters));
      }
    }),
    { numRuns: 500 },
  );
});
