/**
 * A cluster's ACLs, ready to be asked (Kafka's StandardAuthorizerData). What concerns one principal at
 * one host is compiled once, to bit masks by resource name, so that a question costs a few look-ups.
 */
import { AclOperation, AclPatternType, AclPermission, WILDCARD } from "../protocol/acl-codes.ts";
import { type AclBinding, EVERY_PRINCIPAL, impliedOperations, supportedOperations } from "./acl.ts";

/** What a principal may do. */
export interface Rights {
  allows(operation: number, resourceType: number, resourceName: string): boolean;
  /** Whether there is any resource of the type with which it may (Authorizer.authorizeByResourceType). */
  allowsSomewhere(operation: number, resourceType: number): boolean;
  /** Bit n stands for the operation of code n (KIP-430). */
  operations(resourceType: number, resourceName: string): number;
}

const ALL_BITS = -1;

/** Bits of operations that each kind of resource has. */
function supportedBits(resourceType: number): number {
  return supportedOperations(resourceType).reduce((field, operation) => field | bit(operation), 0);
}

const bit = (operation: number): number => 1 << operation;

/** Super users, and callers inside. */
export const EVERY_RIGHT: Rights = {
  allows: () => true,
  allowsSomewhere: () => true,
  operations: supportedBits,
};

export const NO_RIGHT: Rights = {
  allows: () => false,
  allowsSomewhere: () => false,
  operations: () => 0,
};

export interface AclOptions {
  /** allow.everyone.if.no.acl.found: a resource that no ACL concerns is everybody's. */
  readonly allowEveryone: boolean;
}

/** Of one resource name or prefix. */
interface Masks {
  allow: number;
  deny: number;
}

/** Compiled rights kept for so many pairs of principal and host. */
const COMPILED_MAX = 1_000;

export class AclIndex {
  readonly #bindings: readonly AclBinding[];
  readonly #options: AclOptions;
  readonly #compiled = new Map<string, Rights>();
  #concerned: Patterns<boolean> | null = null;

  constructor(bindings: readonly AclBinding[], options: AclOptions) {
    this.#bindings = bindings;
    this.#options = options;
  }

  /** @param host the client's address; "" when nobody knows it: then only rules for "*" concern it */
  rightsOf(principal: string, host: string): Rights {
    const key = `${host} ${principal}`;
    const known = this.#compiled.get(key);
    if (known !== undefined) return known;
    const concerned = this.#options.allowEveryone ? this.#patternsOfAll() : null;
    const rights = new CompiledRights(this.#bindings, principal, host, concerned);
    if (this.#compiled.size >= COMPILED_MAX) this.#compiled.clear();
    this.#compiled.set(key, rights);
    return rights;
  }

  /** Resources that any ACL concerns, whoever it is about. */
  #patternsOfAll(): Patterns<boolean> {
    if (this.#concerned !== null) return this.#concerned;
    const patterns = new Patterns<boolean>();
    for (const binding of this.#bindings) patterns.of(binding, () => true);
    this.#concerned = patterns;
    return patterns;
  }
}

/** Values by resource pattern; a name finds those of its literal, of "*" and of its prefixes. */
class Patterns<T> {
  readonly #literals = new Map<string, T>();
  readonly #prefixes = new Map<string, T>();
  /** Lengths that prefixes have, by type: a name is tried at these only. */
  readonly #lengths = new Map<number, Set<number>>();

  of({ resourceType, resourceName, patternType }: AclBinding, make: () => T): T {
    const prefixed = patternType === AclPatternType.PREFIXED;
    const map = prefixed ? this.#prefixes : this.#literals;
    const key = `${resourceType} ${resourceName}`;
    const known = map.get(key);
    if (known !== undefined) return known;
    const made = make();
    map.set(key, made);
    if (prefixed) {
      const lengths = this.#lengths.get(resourceType) ?? new Set();
      this.#lengths.set(resourceType, lengths.add(resourceName.length));
    }
    return made;
  }

  *matching(resourceType: number, resourceName: string): Iterable<T> {
    const literal = this.#literals.get(`${resourceType} ${resourceName}`);
    if (literal !== undefined) yield literal;
    if (resourceName !== WILDCARD) {
      const wildcard = this.#literals.get(`${resourceType} ${WILDCARD}`);
      if (wildcard !== undefined) yield wildcard;
    }
    for (const length of this.#lengths.get(resourceType) ?? []) {
      if (length > resourceName.length) continue;
      const prefix = this.#prefixes.get(`${resourceType} ${resourceName.slice(0, length)}`);
      if (prefix !== undefined) yield prefix;
    }
  }
}

class CompiledRights implements Rights {
  readonly #patterns = new Patterns<Masks>();
  readonly #mine: readonly AclBinding[];
  readonly #concerned: Patterns<boolean> | null;

  constructor(
    bindings: readonly AclBinding[],
    principal: string,
    host: string,
    concerned: Patterns<boolean> | null,
  ) {
    this.#concerned = concerned;
    this.#mine = bindings.filter(
      (binding) =>
        (binding.principal === principal || binding.principal === EVERY_PRINCIPAL) &&
        (binding.host === WILDCARD || binding.host === host),
    );
    for (const binding of this.#mine) {
      const masks = this.#patterns.of(binding, () => ({ allow: 0, deny: 0 }));
      if (binding.permission === AclPermission.DENY) masks.deny |= denied(binding.operation);
      else masks.allow |= allowed(binding.operation);
    }
  }

  allows(operation: number, resourceType: number, resourceName: string): boolean {
    return (this.#field(resourceType, resourceName) & bit(operation)) !== 0;
  }

  operations(resourceType: number, resourceName: string): number {
    return this.#field(resourceType, resourceName) & supportedBits(resourceType);
  }

  /** A DENY wins, whatever allows (StandardAuthorizerData.findResult). */
  #field(resourceType: number, resourceName: string): number {
    let allow = 0;
    let deny = 0;
    for (const masks of this.#patterns.matching(resourceType, resourceName)) {
      allow |= masks.allow;
      deny |= masks.deny;
    }
    if (this.#concerned !== null) {
      const [any] = this.#concerned.matching(resourceType, resourceName);
      if (any === undefined) return ALL_BITS;
    }
    return allow & ~deny;
  }

  /** There is a name that an ALLOW covers and no DENY: the shortest that each pattern covers decides. */
  allowsSomewhere(operation: number, resourceType: number): boolean {
    const ofType = this.#mine.filter((binding) => binding.resourceType === resourceType);
    const has = (mask: number): boolean => (mask & bit(operation)) !== 0;
    const denies = ofType.filter(
      (binding) => binding.permission === AclPermission.DENY && has(denied(binding.operation)),
    );
    const isEverything = ({ patternType, resourceName }: AclBinding): boolean =>
      patternType === AclPatternType.LITERAL && resourceName === WILDCARD;
    if (denies.some(isEverything)) return false;
    if (this.#concerned !== null) return true;
    const isDenied = (allow: AclBinding): boolean =>
      denies.some((deny) =>
        deny.patternType === AclPatternType.PREFIXED
          ? allow.resourceName.startsWith(deny.resourceName)
          : allow.patternType === AclPatternType.LITERAL &&
            allow.resourceName === deny.resourceName,
      );
    return ofType.some(
      (binding) =>
        binding.permission === AclPermission.ALLOW &&
        has(allowed(binding.operation)) &&
        (isEverything(binding) || !isDenied(binding)),
    );
  }
}

function allowed(operation: number): number {
  if (operation === AclOperation.ALL) return ALL_BITS;
  return impliedOperations(operation).reduce((field, implied) => field | bit(implied), 0);
}

function denied(operation: number): number {
  return operation === AclOperation.ALL ? ALL_BITS : bit(operation);
}
