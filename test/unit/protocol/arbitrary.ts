/** Values that a message can carry at a version, made from its description. */
import fc from "fast-check";
import { uuidFromBytes } from "../../../src/lib/uuid.ts";
import type { AnyApi, Message } from "../../../src/protocol/schema.ts";
import type { FieldSpec, StructSpec, TypeSpec } from "../../../src/protocol/type-spec.ts";
import { hasVersion } from "../../../src/protocol/versions.ts";

export interface Case {
  readonly label: string;
  readonly api: AnyApi;
  readonly version: number;
  readonly message: Message<unknown, unknown>;
  readonly value: fc.Arbitrary<unknown>;
}

/** Values for fields that must not be just anything; undefined leaves a field to its type. */
export type Override = (field: FieldSpec) => fc.Arbitrary<unknown> | undefined;

/** Every message of every API at every version. */
export function casesOf(apis: Iterable<AnyApi>, override: Override = () => undefined): Case[] {
  return [...apis].flatMap((api) => {
    const [min, max] = api.versions;
    const versions = Array.from({ length: max - min + 1 }, (_, i) => min + i);
    return versions.flatMap((version) =>
      [api.request, api.response].map((message) => ({
        label: `${message.name} v${version}`,
        api,
        version,
        message,
        value: structValue(message.type, version, override),
      })),
    );
  });
}

/** Fields that the version does not have stand at their defaults, as a decoder leaves them. */
function structValue(
  struct: StructSpec,
  version: number,
  override: Override,
): fc.Arbitrary<unknown> {
  const fields = struct.fields.map(
    (field) => [field.name, fieldValue(field, version, override)] as const,
  );
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true });
}

function fieldValue(field: FieldSpec, version: number, override: Override): fc.Arbitrary<unknown> {
  if (!hasVersion(field.versions, version)) return fc.constant(field.defaultValue);
  const overridden = override(field);
  if (overridden !== undefined) return overridden;
  const value = typeValue(field.type, version, override);
  return hasVersion(field.nullable, version) ? fc.option(value, { nil: null }) : value;
}

const int = (bits: number): fc.Arbitrary<number> =>
  fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });

const int64 = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -2, max: 200 }),
  fc.constantFrom(2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 62, -(2 ** 63), 2 ** 63),
);

function typeValue(type: TypeSpec, version: number, override: Override): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case "bool":
      return fc.boolean();
    case "int8":
      return int(8);
    case "int16":
      return int(16);
    case "uint16":
      return fc.integer({ min: 0, max: 0xffff });
    case "int32":
      return int(32);
    case "int64":
      return int64;
    case "float64":
      return fc.double();
    case "uuid":
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => uuidFromBytes(bytes));
    case "string":
      return fc.string({ unit: "binary", maxLength: 40 });
    case "bytes":
    case "records":
      // Past 1 KB a writer keeps the bytes by reference: both ways must be met.
      return fc.oneof(
        { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) },
        { weight: 1, arbitrary: fc.nat(3_000).map((n) => new Uint8Array(n).fill(n)) },
      );
    case "array":
      return fc.array(typeValue(type.element, version, override), { maxLength: 4 });
    case "struct":
      return structValue(type, version, override);
  }
}
