/** Seeds that once found something. A changed simulator draws other faults from them: they only add. */
export const GROUP_REGRESSIONS: readonly { readonly seed: number; readonly found: string }[] = [];
