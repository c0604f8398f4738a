/** A request that comes again when the service was too busy for it: it says when (RFC 9110, section 10.2.3). */

const TRIES = 6;
const WAIT_S = 3;
const BUSY = 503;

export async function patientFetch(url: string, init?: RequestInit): Promise<Response> {
  for (let left = TRIES; ; left -= 1) {
    const response = await fetch(url, init);
    if (response.status !== BUSY || left <= 1) return response;
    const wait_s = Number(response.headers.get("Retry-After")) || WAIT_S;
    await new Promise((next) => setTimeout(next, wait_s * 1000));
  }
}
