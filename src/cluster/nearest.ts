/**
 * Where a reader is and where replicas are, to read near the reader (KIP-392) without being told by a
 * `client.rack`. The table is the only place that knows where on earth a location hint lies.
 */
import type { BrokerInfo } from "./types.ts";

/** Degrees, north and east positive. */
export interface Point {
  readonly latitude: number;
  readonly longitude: number;
}

/**
 * About where the objects of a hint live. Names: "Data location" of the Durable Objects documentation
 * (developers.cloudflare.com/durable-objects/reference/data-location); places: large data centres of
 * that area (where.durableobjects.live measures them). No objects live in `sam`, `afr` and `me`: the
 * same page has them spawn nearby, those of `sam` in eastern North America. For the other two nearby
 * is taken to be western Europe.
 */
const NORTHERN_VIRGINIA = { latitude: 39, longitude: -77.5 };
const AMSTERDAM = { latitude: 52.4, longitude: 4.9 };
const SINGAPORE = { latitude: 1.4, longitude: 103.8 };

const OF_HINT: Readonly<Record<string, Point>> = {
  wnam: { latitude: 37.4, longitude: -121.9 },
  enam: NORTHERN_VIRGINIA,
  sam: NORTHERN_VIRGINIA,
  weur: AMSTERDAM,
  eeur: { latitude: 52.2, longitude: 21 },
  apac: SINGAPORE,
  "apac-ne": { latitude: 35.7, longitude: 139.7 },
  "apac-se": SINGAPORE,
  oc: { latitude: -33.9, longitude: 151.2 },
  afr: AMSTERDAM,
  me: AMSTERDAM,
};

/**
 * About where a continent's Internet users are, for readers of whom nothing else is known. Codes: the
 * field ip.src.continent of Cloudflare's rules language, which `request.cf.continent` has too; its
 * "T1" (Tor) is nowhere.
 */
const OF_CONTINENT: Readonly<Record<string, Point>> = {
  AF: { latitude: 9, longitude: 8 },
  AN: { latitude: -75, longitude: 0 },
  AS: { latitude: 22, longitude: 100 },
  EU: { latitude: 50, longitude: 9 },
  NA: { latitude: 39, longitude: -95 },
  OC: { latitude: -33, longitude: 148 },
  SA: { latitude: -17, longitude: -52 },
};

/** What the platform says of a request (`request.cf`): texts, any of them missing. */
export interface Geography {
  readonly continent?: string | undefined;
  readonly latitude?: string | undefined;
  readonly longitude?: string | undefined;
}

/** Null when nobody knows where the reader is. */
export function readerAt({ continent, latitude, longitude }: Geography): Point | null {
  const point = { latitude: degrees(latitude, 90), longitude: degrees(longitude, 180) };
  if (!Number.isNaN(point.latitude) && !Number.isNaN(point.longitude)) return point;
  return Object.hasOwn(OF_CONTINENT, continent ?? "")
    ? (OF_CONTINENT[continent ?? ""] ?? null)
    : null;
}

function degrees(text: string | undefined, max: number): number {
  if (text === undefined || text.trim() === "") return Number.NaN;
  const value = Number(text);
  return Math.abs(value) <= max ? value : Number.NaN;
}

/**
 * The broker nearest to the reader among `brokers`, the first of equals; null when there is none whose
 * hint is known.
 */
export function nearestBroker(brokers: readonly BrokerInfo[], reader: Point): BrokerInfo | null {
  let nearest: BrokerInfo | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const broker of brokers) {
    const place = Object.hasOwn(OF_HINT, broker.hint) ? OF_HINT[broker.hint] : undefined;
    const distance = place === undefined ? least : centralAngle(reader, place);
    if (distance >= least) continue;
    nearest = broker;
    least = distance;
  }
  return nearest;
}

/** Between two points on a sphere, as seen from its centre, in radians (haversine formula). */
function centralAngle(a: Point, b: Point): number {
  const half = (from: number, to: number): number => Math.sin(radians(to - from) / 2) ** 2;
  const across = Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude));
  const chord = half(a.latitude, b.latitude) + across * half(a.longitude, b.longitude);
  return 2 * Math.asin(Math.min(1, Math.sqrt(chord)));
}

function radians(degreesOfArc: number): number {
  return (degreesOfArc * Math.PI) / 180;
}
