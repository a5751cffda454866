/** Parts of a request's URL, without the cost of a URL object for each request. */

/** `https://host:port`, as the client dialled it. */
export function originOf(url: string): string {
  return url.slice(0, pathStart(url));
}

/** The path, percent-encoded as it came. */
export function pathOf(url: string): string {
  const start = pathStart(url);
  const query = url.indexOf("?", start);
  const path = query < 0 ? url.slice(start) : url.slice(start, query);
  return path === "" ? "/" : path;
}

function pathStart(url: string): number {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  return start < 0 ? url.length : start;
}

/** Keeps what was made of the last text: requests to one isolate are mostly alike. */
export function remembered<T>(make: (text: string) => T): (text: string) => T {
  let last: { readonly text: string; readonly value: T } | null = null;
  return (text) => {
    if (last?.text !== text) last = { text, value: make(text) };
    return last.value;
  };
}
