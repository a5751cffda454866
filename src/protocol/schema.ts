/**
 * The language in which api/*.ts state Kafka's messages, after the JSON definitions in
 * clients/src/main/resources/common/message. One statement gives the types, both directions, every
 * version and both encodings. See codec.ts for what is made of it.
 */
import { assert } from "../lib/assert.ts";
import type { Codec } from "./codec.ts";
import { compileStruct } from "./codec.ts";
import { ProtocolError } from "./errors.ts";
import type { Reader } from "./reader.ts";
import type { FieldSpec, PrimitiveKind, StructSpec, TypeSpec } from "./type-spec.ts";
import { emptyValue } from "./type-spec.ts";
import type { VersionSet } from "./versions.ts";
import { ALL_VERSIONS, hasVersion, NO_VERSIONS, parseVersions } from "./versions.ts";
import type { Writer } from "./writer.ts";

/** Carries the types of a value beside its description; the `__` members exist only for tsc. */
export interface Type<Out, In> {
  readonly type: TypeSpec;
  readonly __out?: Out;
  readonly __in?: In;
}

export interface Field<Out, In, Optional extends boolean> extends Type<Out, In> {
  readonly options: FieldOptions<Out>;
  readonly __optional?: Optional;
}

export interface FieldOptions<T> {
  /** Versions that have the field; all when left out. */
  readonly versions?: string;
  /** Versions in which it may be null. Makes null the default, unless `default` says otherwise. */
  readonly nullable?: string;
  /** What an encoder writes for a field left out, and a decoder gives for one that is not there. */
  readonly default?: T;
  readonly tag?: number;
  readonly taggedVersions?: string;
}

type NullableOptions<T> = FieldOptions<T | null> & { readonly nullable: string };

type Shape = { readonly [name: string]: Field<unknown, unknown, boolean> };
type OptionalNames<S extends Shape> = {
  [K in keyof S]: S[K] extends Field<unknown, unknown, true> ? K : never;
}[keyof S];
type FieldOut<F> = F extends Type<infer Out, unknown> ? Out : never;
type FieldIn<F> = F extends Type<unknown, infer In> ? In : never;

type OutOf<S extends Shape> = { readonly [K in keyof S]: FieldOut<S[K]> };
type InOf<S extends Shape> = {
  readonly [K in Exclude<keyof S, OptionalNames<S>>]: FieldIn<S[K]>;
} & { readonly [K in OptionalNames<S>]?: FieldIn<S[K]> | undefined };

interface ScalarField<T> {
  (): Field<T, T, false>;
  (options: FieldOptions<T> & { readonly nullable?: never }): Field<T, T, true>;
}

interface NullableField<T> {
  (): Field<T, T, false>;
  (options: NullableOptions<T>): Field<T | null, T | null, true>;
  (options: FieldOptions<T>): Field<T, T, true>;
}

function scalar<T>(kind: PrimitiveKind): ScalarField<T> & NullableField<T> {
  return ((options: FieldOptions<T> = {}) => ({ type: { kind }, options })) as ScalarField<T> &
    NullableField<T>;
}

function array<Out, In>(element: Type<Out, In>): Field<readonly Out[], readonly In[], false>;
function array<Out, In>(
  element: Type<Out, In>,
  options: NullableOptions<readonly Out[]>,
): Field<readonly Out[] | null, readonly In[] | null, true>;
function array<Out, In>(
  element: Type<Out, In>,
  options: FieldOptions<readonly Out[]>,
): Field<readonly Out[], readonly In[], true>;
function array<Out, In>(
  element: Type<Out, In>,
  options: FieldOptions<readonly Out[] | null> = {},
): Field<readonly Out[] | null, readonly In[] | null, boolean> {
  return { type: { kind: "array", element: element.type }, options };
}

function structField<Out, In>(type: Type<Out, In>): Field<Out, In, false>;
function structField<Out, In>(
  type: Type<Out, In>,
  options: NullableOptions<Out>,
): Field<Out | null, In | null, true>;
function structField<Out, In>(
  type: Type<Out, In>,
  options: FieldOptions<Out>,
): Field<Out, In, true>;
function structField<Out, In>(
  type: Type<Out, In>,
  options: FieldOptions<Out | null> = {},
): Field<Out | null, In | null, boolean> {
  return { type: type.type, options };
}

/** One function a wire type. A field made with options may be left out of what is encoded. */
export const f = {
  bool: scalar<boolean>("bool") as ScalarField<boolean>,
  int8: scalar<number>("int8") as ScalarField<number>,
  int16: scalar<number>("int16") as ScalarField<number>,
  uint16: scalar<number>("uint16") as ScalarField<number>,
  int32: scalar<number>("int32") as ScalarField<number>,
  /** Beyond 2^53 the nearest double. */
  int64: scalar<number>("int64") as ScalarField<number>,
  float64: scalar<number>("float64") as ScalarField<number>,
  /** A topic id: 22 characters of base64url. */
  uuid: scalar<string>("uuid") as ScalarField<string>,
  string: scalar<string>("string") as NullableField<string>,
  /** Decoded as a view of the message, not a copy. */
  bytes: scalar<Uint8Array>("bytes") as NullableField<Uint8Array>,
  /** Record batches; on the wire the same as `bytes`. */
  records: scalar<Uint8Array>("records") as NullableField<Uint8Array>,
  array,
  struct: structField,
};

export function struct<S extends Shape>(shape: S): Type<OutOf<S>, InOf<S>> {
  const fields = Object.entries(shape).map(([name, field]) => fieldSpec(name, field));
  return { type: { kind: "struct", fields } };
}

function fieldSpec(name: string, { type, options }: Field<unknown, unknown, boolean>): FieldSpec {
  const tagged = options.taggedVersions;
  return {
    name,
    type,
    versions: options.versions === undefined ? ALL_VERSIONS : parseVersions(options.versions),
    nullable: options.nullable === undefined ? NO_VERSIONS : parseVersions(options.nullable),
    tag: options.tag ?? -1,
    taggedVersions: tagged === undefined ? NO_VERSIONS : parseVersions(tagged),
    defaultValue: defaultOf(type, options),
  };
}

function defaultOf(type: TypeSpec, options: FieldOptions<unknown>): unknown {
  if (options.default !== undefined) return options.default;
  return options.nullable === undefined ? emptyValue(type) : null;
}

/** One direction of an API: a request or a response. */
export class Message<Out, In> {
  /** For messages to people: "Produce request". */
  readonly name: string;
  readonly type: StructSpec;
  readonly #versions: VersionSet;
  readonly #flexible: VersionSet;
  readonly #codecs = new Map<number, Codec>();

  constructor(name: string, type: Type<Out, In>, versions: VersionSet, flexible: VersionSet) {
    assert(type.type.kind === "struct", `${name} is no struct`);
    this.name = name;
    this.type = type.type;
    this.#versions = versions;
    this.#flexible = flexible;
  }

  /** Throws ProtocolError, and nothing else, when the bytes are not this message. */
  decode(reader: Reader, version: number): Out {
    return this.#codec(version).read(reader) as Out;
  }

  /**
   * Fields that the version does not have are left out, and null in a version that has no null
   * becomes the empty value, as Kafka's own handlers do. Throws ProtocolError for a string too long.
   */
  encode(writer: Writer, version: number, value: In): void {
    this.#codec(version).write(writer, value);
  }

  /** What `decode` would give for what `encode` writes, without the bytes. */
  normalize(version: number, value: In): Out {
    return this.#codec(version).fill(value) as Out;
  }

  #codec(version: number): Codec {
    return this.#codecs.get(version) ?? this.#compile(version);
  }

  #compile(version: number): Codec {
    const { min, max } = this.#versions;
    if (!Number.isInteger(version) || !hasVersion(this.#versions, version)) {
      throw new ProtocolError(
        `${this.name}: version ${version} is not known, ${min} to ${max} are`,
      );
    }
    const flexible = hasVersion(this.#flexible, version);
    const codec = compileStruct(this.type, { version, flexible, path: `${this.name} v${version}` });
    this.#codecs.set(version, codec);
    return codec;
  }
}

export interface Api<Request, RequestInput, Response, ResponseInput> {
  readonly key: number;
  readonly name: string;
  /** The versions that the schema speaks; which ones a broker answers is its handler's matter. */
  readonly versions: readonly [min: number, max: number];
  /** First version in the flexible encoding (KIP-482); Infinity when there is none. */
  readonly flexible: number;
  readonly request: Message<Request, RequestInput>;
  readonly response: Message<Response, ResponseInput>;
}

export type AnyApi = Api<unknown, unknown, unknown, unknown>;
export type RequestOf<A extends AnyApi> = ReturnType<A["request"]["decode"]>;
export type RequestInputOf<A extends AnyApi> = Parameters<A["request"]["encode"]>[2];
export type ResponseOf<A extends AnyApi> = ReturnType<A["response"]["decode"]>;
export type ResponseInputOf<A extends AnyApi> = Parameters<A["response"]["encode"]>[2];

export interface ApiDefinition<Request, RequestInput, Response, ResponseInput> {
  readonly key: number;
  readonly name: string;
  readonly versions: readonly [min: number, max: number];
  /** Left out when no version is flexible. */
  readonly flexible?: number;
  readonly request: Type<Request, RequestInput>;
  readonly response: Type<Response, ResponseInput>;
}

export function defineApi<Request, RequestInput, Response, ResponseInput>(
  definition: ApiDefinition<Request, RequestInput, Response, ResponseInput>,
): Api<Request, RequestInput, Response, ResponseInput> {
  const { key, name, versions, request, response } = definition;
  const flexible = definition.flexible ?? Number.POSITIVE_INFINITY;
  const range = { min: versions[0], max: versions[1] };
  const flexibleRange = { min: flexible, max: Number.POSITIVE_INFINITY };
  return {
    key,
    name,
    versions,
    flexible,
    request: new Message(`${name} request`, request, range, flexibleRange),
    response: new Message(`${name} response`, response, range, flexibleRange),
  };
}
