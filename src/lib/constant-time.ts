/** Takes as long for a wrong guess as for the right one; only the length of `given` shows. */
export function equalInConstantTime(given: Uint8Array, secret: Uint8Array): boolean {
  let difference = given.length ^ secret.length;
  for (let i = 0; i < given.length; i++) {
    difference |= (given[i] ?? 0) ^ (secret[i % secret.length] ?? 0);
  }
  return difference === 0;
}
