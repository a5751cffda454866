/**
 * A RegExp as the server holds it against whole names (KIP-848, REST): one that is not anchored finds
 * its match anywhere in a name, there as in JavaScript. The syntax is RE2's.
 */
export function wholeNamePattern(pattern: RegExp): string {
  const flags = pattern.flags.replaceAll(/[^ims]/g, "");
  const source = flags === "" ? pattern.source : `(?${flags}:${pattern.source})`;
  return `.*(?:${source}).*`;
}
