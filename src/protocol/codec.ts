/**
 * Turns the description of a struct at one version into closures that read and write it. No code
 * is generated as text: Workers forbid eval.
 */
import { assert } from "../lib/assert.ts";
import { ProtocolError } from "./errors.ts";
import type { Reader } from "./reader.ts";
import type { FieldSpec, PrimitiveKind, StructSpec, TypeSpec } from "./type-spec.ts";
import { emptyValue } from "./type-spec.ts";
import { hasVersion } from "./versions.ts";
import { Writer } from "./writer.ts";

export interface Codec {
  /** The fewest bytes that a value takes: what a claimed array length is checked against. */
  readonly minBytes: number;
  readonly read: (reader: Reader) => unknown;
  readonly write: (writer: Writer, value: unknown) => void;
  /** The value as a reader would give it after a writer had it. */
  readonly fill: (value: unknown) => unknown;
}

export interface Context {
  readonly version: number;
  readonly flexible: boolean;
  /** Where we are, for error messages: "Produce request v9 topicData[].name". */
  readonly path: string;
}

type Fields = { [name: string]: unknown };

const same = (value: unknown): unknown => value;

const FIXED: { readonly [K in PrimitiveKind]?: Codec } = {
  bool: {
    minBytes: 1,
    read: (reader) => reader.bool(),
    write: (writer, value) => writer.bool(value as boolean),
    fill: same,
  },
  int8: {
    minBytes: 1,
    read: (reader) => reader.int8(),
    write: (writer, value) => writer.int8(value as number),
    fill: same,
  },
  int16: {
    minBytes: 2,
    read: (reader) => reader.int16(),
    write: (writer, value) => writer.int16(value as number),
    fill: same,
  },
  uint16: {
    minBytes: 2,
    read: (reader) => reader.uint16(),
    write: (writer, value) => writer.int16(value as number),
    fill: same,
  },
  int32: {
    minBytes: 4,
    read: (reader) => reader.int32(),
    write: (writer, value) => writer.int32(value as number),
    fill: same,
  },
  int64: {
    minBytes: 8,
    read: (reader) => reader.int64(),
    write: (writer, value) => writer.int64(value as number),
    fill: same,
  },
  float64: {
    minBytes: 8,
    read: (reader) => reader.float64(),
    write: (writer, value) => writer.float64(value as number),
    fill: same,
  },
  uuid: {
    minBytes: 16,
    read: (reader) => reader.uuid(),
    write: (writer, value) => writer.uuid(value as string),
    fill: same,
  },
};

function compileType(type: TypeSpec, nullable: boolean, context: Context): Codec {
  switch (type.kind) {
    case "array":
      return compileArray(type.element, nullable, context);
    case "struct":
      return nullable ? nullableStruct(compileStruct(type, context)) : compileStruct(type, context);
    case "string":
      return refuseNull(context.flexible ? compactString : plainString, type, nullable, context);
    case "bytes":
    case "records":
      return refuseNull(context.flexible ? compactBytes : plainBytes, type, nullable, context);
    default: {
      const codec = FIXED[type.kind];
      assert(codec !== undefined, `${context.path}: there is no codec for ${type.kind}`);
      return codec;
    }
  }
}

const plainString: Codec = {
  minBytes: 2,
  read: (reader) => reader.string(),
  write: (writer, value) => writer.string(value as string | null),
  fill: same,
};

const compactString: Codec = {
  minBytes: 1,
  read: (reader) => reader.compactString(),
  write: (writer, value) => writer.compactString(value as string | null),
  fill: same,
};

const plainBytes: Codec = {
  minBytes: 4,
  read: (reader) => reader.byteString(),
  write: (writer, value) => writer.byteString(value as Uint8Array | null),
  fill: same,
};

const compactBytes: Codec = {
  minBytes: 1,
  read: (reader) => reader.compactByteString(),
  write: (writer, value) => writer.compactByteString(value as Uint8Array | null),
  fill: same,
};

/** Null is refused when read, and becomes the empty value when written, unless it is allowed. */
function refuseNull(codec: Codec, type: TypeSpec, nullable: boolean, context: Context): Codec {
  if (nullable) return codec;
  const { minBytes, read, write } = codec;
  const empty = emptyValue(type);
  return {
    minBytes,
    read: (reader) => {
      const value = read(reader);
      if (value === null) throw nullError(context);
      return value;
    },
    write: (writer, value) => write(writer, value ?? empty),
    fill: (value) => value ?? empty,
  };
}

function nullError({ path }: Context): ProtocolError {
  return new ProtocolError(`${path} is null, which this version does not allow`);
}

/** A byte before the struct: negative for null, 1 otherwise. */
function nullableStruct({ read, write, fill }: Codec): Codec {
  return {
    minBytes: 1,
    read: (reader) => (reader.int8() < 0 ? null : read(reader)),
    write: (writer, value) => {
      writer.int8(value === null ? -1 : 1);
      if (value !== null) write(writer, value);
    },
    fill: (value) => (value === null ? null : fill(value)),
  };
}

function compileArray(element: TypeSpec, nullable: boolean, context: Context): Codec {
  const { flexible } = context;
  const { minBytes, read, write, fill } = compileType(element, false, {
    ...context,
    path: `${context.path}[]`,
  });
  assert(minBytes > 0, `${context.path}: an element without bytes makes any length valid`);
  // Numbers take no more room decoded than on the wire; objects do.
  const counted = FIXED[element.kind as PrimitiveKind] === undefined || element.kind === "uuid";

  const readArray = (reader: Reader): unknown => {
    const length = flexible ? reader.compactArrayLength(minBytes) : reader.arrayLength(minBytes);
    if (length < 0) {
      if (!nullable) throw nullError(context);
      return null;
    }
    if (counted) reader.spendElements(length);
    const values: unknown[] = [];
    for (let i = 0; i < length; i++) values.push(read(reader));
    return values;
  };

  const writeArray = (writer: Writer, value: unknown): void => {
    const values = value as readonly unknown[] | null;
    const length = values === null ? (nullable ? -1 : 0) : values.length;
    if (flexible) writer.unsignedVarint(length + 1);
    else writer.int32(length);
    if (values !== null) for (const item of values) write(writer, item);
  };

  const fillArray = (value: unknown): unknown => {
    const values = value as readonly unknown[] | null;
    if (values === null) return nullable ? null : [];
    return fill === same ? values : values.map((item) => fill(item));
  };

  return { minBytes: flexible ? 1 : 4, read: readArray, write: writeArray, fill: fillArray };
}

interface BoundField {
  readonly spec: FieldSpec;
  readonly codec: Codec;
}

/** `nullable` is not this function's matter: a message itself is never null. */
export function compileStruct(struct: StructSpec, context: Context): Codec {
  const { version, flexible } = context;
  const present = struct.fields.filter(({ versions }) => hasVersion(versions, version));
  const isTagged = (spec: FieldSpec): boolean =>
    flexible && spec.tag >= 0 && hasVersion(spec.taggedVersions, version);
  const bind = (spec: FieldSpec): BoundField => ({ spec, codec: bindField(spec, context) });
  const plain = present.filter((spec) => !isTagged(spec)).map(bind);
  const tagged = present.filter(isTagged).map(bind);
  tagged.sort((a, b) => a.spec.tag - b.spec.tag);

  const template = emptyValue(struct) as Fields;
  const count = plain.length;
  const names = plain.map(({ spec }) => spec.name);
  const reads = plain.map(({ codec }) => codec.read);
  const writes = plain.map(({ codec }) => codec.write);
  const filled = [...plain, ...tagged];

  const read = (reader: Reader): unknown => {
    const fields: Fields = { ...template };
    for (let i = 0; i < count; i++) {
      fields[names[i] as string] = (reads[i] as Codec["read"])(reader);
    }
    if (flexible) readTaggedFields(reader, tagged, fields, context);
    return fields;
  };

  const write = (writer: Writer, value: unknown): void => {
    const fields = value as Fields;
    for (let i = 0; i < count; i++) {
      const name = names[i] as string;
      const given = fields[name];
      (writes[i] as Codec["write"])(writer, given === undefined ? template[name] : given);
    }
    if (flexible) writeTaggedFields(writer, tagged, fields);
  };

  const fill = (value: unknown): unknown => {
    const given = value as Fields;
    const fields: Fields = { ...template };
    for (const { spec, codec } of filled) {
      const item = given[spec.name];
      fields[spec.name] = codec.fill(item === undefined ? spec.defaultValue : item);
    }
    return fields;
  };

  let minBytes = flexible ? 1 : 0;
  for (const { codec } of plain) minBytes += codec.minBytes;
  return { minBytes, read, write, fill };
}

function bindField(spec: FieldSpec, context: Context): Codec {
  const nullable = hasVersion(spec.nullable, context.version);
  return compileType(spec.type, nullable, { ...context, path: `${context.path} ${spec.name}` });
}

/** Tags that nobody told us about are skipped: that is what they are for (KIP-482). */
function readTaggedFields(
  reader: Reader,
  tagged: readonly BoundField[],
  fields: Fields,
  context: Context,
): void {
  const count = reader.unsignedVarint();
  for (let i = 0; i < count; i++) {
    const tag = reader.unsignedVarint();
    const size = reader.unsignedVarint();
    const start = reader.take(size);
    const known = tagged.find(({ spec }) => spec.tag === tag);
    if (known === undefined) continue;
    const outerEnd = reader.end;
    reader.position = start;
    reader.end = start + size;
    fields[known.spec.name] = known.codec.read(reader);
    if (reader.remaining !== 0) {
      throw new ProtocolError(
        `${context.path} ${known.spec.name} has ${reader.remaining} bytes more than it should`,
      );
    }
    reader.end = outerEnd;
  }
}

function writeTaggedFields(writer: Writer, tagged: readonly BoundField[], fields: Fields): void {
  let count = 0;
  for (const { spec } of tagged) if (isGiven(spec, fields)) count += 1;
  writer.unsignedVarint(count);
  if (count === 0) return;
  for (const { spec, codec } of tagged) {
    if (!isGiven(spec, fields)) continue;
    const content = new Writer();
    codec.write(content, fields[spec.name]);
    writer.unsignedVarint(spec.tag);
    writer.unsignedVarint(content.length);
    writer.append(content);
  }
}

function isGiven({ name, type, defaultValue }: FieldSpec, fields: Fields): boolean {
  const value = fields[name];
  return value !== undefined && !isDefault(type, value, defaultValue);
}

/** Whether a tagged field says no more than its absence would. */
function isDefault(type: TypeSpec, value: unknown, defaultValue: unknown): boolean {
  if (value === undefined || value === defaultValue) return true;
  if (value === null || defaultValue === null) return false;
  if (type.kind === "array") return (value as unknown[]).length === 0;
  if (type.kind === "bytes" || type.kind === "records") return (value as Uint8Array).length === 0;
  if (type.kind !== "struct") return false;
  const fields = value as Fields;
  const defaults = defaultValue as Fields;
  return type.fields.every(({ name, type: kind }) => isDefault(kind, fields[name], defaults[name]));
}
