/** A figure, as the table shows it and as one line of JSON. */

export interface Figure {
  readonly name: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What Kedge is compared with; null where the figure stands for itself. */
  readonly floor: number | null;
  readonly ratio: number | null;
  readonly spread: readonly [number, number] | null;
  readonly target: Target;
}

/** What must hold of the ratio, or of the value of a figure without one. */
export type Target = { readonly atLeast: number } | { readonly atMost: number };

export function passes({ value, ratio, target }: Figure): boolean {
  const judged = ratio ?? value;
  return "atLeast" in target ? judged >= target.atLeast : judged <= target.atMost;
}

export function jsonLine(figure: Figure): string {
  const { name, unit, target } = figure;
  return JSON.stringify({
    name,
    value: rounded(figure.value),
    unit,
    floor: figure.floor === null ? null : rounded(figure.floor),
    ratio: figure.ratio === null ? null : rounded(figure.ratio),
    spread: figure.spread?.map(rounded) ?? null,
    target: "atLeast" in target ? target.atLeast : target.atMost,
    pass: passes(figure),
  });
}

const COLUMNS = ["figure", "kedge", "floor", "unit", "ratio", "spread", "target", ""] as const;
const TEXT_COLUMNS = new Set<number>([0, 3, 7]);

export function table(figures: readonly Figure[]): string {
  const rows = [COLUMNS, ...figures.map(cells)];
  const widths = COLUMNS.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => {
          const width = widths[at] ?? 0;
          return TEXT_COLUMNS.has(at) ? cell.padEnd(width) : cell.padStart(width);
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cells(figure: Figure): string[] {
  const { target, ratio, spread, floor } = figure;
  const bound = "atLeast" in target ? `>= ${target.atLeast}` : `<= ${target.atMost}`;
  return [
    figure.what,
    shown(figure.value),
    floor === null ? "" : shown(floor),
    figure.unit,
    ratio === null ? "" : ratio.toFixed(2),
    spread === null ? "" : spread.map((one) => one.toFixed(2)).join("-"),
    bound,
    passes(figure) ? "ok" : "MISSED",
  ];
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
