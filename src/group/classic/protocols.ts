/** Which protocol a generation uses: the members vote on what all of them support. */

interface Voter {
  readonly offer: { readonly protocols: readonly { readonly name: string }[] };
}

/** How many members support each protocol, kept as they come and go. */
export class SupportedProtocols {
  readonly #counts = new Map<string, number>();

  add({ offer }: Voter): void {
    for (const { name } of offer.protocols) {
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    }
  }

  remove({ offer }: Voter): void {
    for (const { name } of offer.protocols) {
      const count = (this.#counts.get(name) ?? 0) - 1;
      if (count > 0) this.#counts.set(name, count);
      else this.#counts.delete(name);
    }
  }

  /** Whether each of `members` members supports it. */
  isCommon(name: string, members: number): boolean {
    return (this.#counts.get(name) ?? 0) === members;
  }

  /**
   * Each voter votes for the first of its protocols that all support; the most votes win, and among
   * equals the one that was voted for first. Null when they have none in common.
   */
  select(voters: Iterable<Voter>, count: number): string | null {
    const votes = new Map<string, number>();
    for (const { offer } of voters) {
      const choice = offer.protocols.find(({ name }) => this.isCommon(name, count));
      if (choice !== undefined) votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1);
    }
    let winner: string | null = null;
    let most = 0;
    for (const [name, had] of votes) {
      if (had <= most) continue;
      winner = name;
      most = had;
    }
    return winner;
  }
}
