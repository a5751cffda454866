/**
 * Browsers from elsewhere. KEDGE_CORS_ORIGINS lists the origins that may call, separated by commas;
 * "*" is all, and none is the default.
 *
 * A request that a page of another origin made is refused before it does anything, preflight or not:
 * a form or a "no-cors" fetch needs no preflight, and would produce to a service on this machine, or
 * with a Basic password that the browser remembers.
 */

const METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS =
  "authorization, content-type, accept, x-kedge-broker, kedge-producer-id, kedge-producer-epoch, " +
  "kedge-sequence";
const EXPOSED_HEADERS =
  "kedge-next-offset, kedge-high-watermark, kedge-log-start-offset, kedge-read-from, location, " +
  "retry-after";
const PREFLIGHT_SECONDS = "86400";

export class CorsPolicy {
  private readonly origins: ReadonlySet<string>;

  constructor(list: string | undefined) {
    const origins = (list ?? "").split(",").map((origin) => origin.trim().replace(/\/$/, ""));
    this.origins = new Set(origins.filter((origin) => origin !== ""));
  }

  /** What Access-Control-Allow-Origin says to `origin`, null when it may not call. */
  allow(origin: string): string | null {
    if (this.origins.has("*")) return "*";
    return this.origins.has(origin) ? origin : null;
  }
}

/** Same origin, or no browser at all: nothing of this concerns it. */
export function foreignOrigin(request: Request): string | null {
  const origin = request.headers.get("origin");
  if (origin === null || request.url.startsWith(`${origin}/`)) return null;
  return origin;
}

export function isPreflight(request: Request): boolean {
  return request.method === "OPTIONS" && request.headers.has("access-control-request-method");
}

export function preflightResponse(allowed: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-origin": allowed,
      "access-control-allow-methods": METHODS,
      "access-control-allow-headers": REQUEST_HEADERS,
      "access-control-max-age": PREFLIGHT_SECONDS,
      vary: "Origin",
    },
  });
}

export function addCorsHeaders(response: Response, allowed: string): void {
  response.headers.set("access-control-allow-origin", allowed);
  response.headers.set("access-control-expose-headers", EXPOSED_HEADERS);
  response.headers.append("vary", "Origin");
}
