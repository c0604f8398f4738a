/** A clock that runs through a span of time, faster than the world's. */

const TICK_MS = 125;

export class Playback {
  moment = 0;
  /** Seconds of the city a second. */
  speed = 1200;
  #from = 0;
  #to = 0;
  #timer = 0;

  constructor(private readonly onMove: (moment: number, ended: boolean) => void) {}

  get playing(): boolean {
    return this.#timer !== 0;
  }

  get atEnd(): boolean {
    return this.moment >= this.#to;
  }

  setSpan(from: number, to: number, keep = false): void {
    const wasAtEnd = !keep || this.atEnd;
    this.#from = from;
    this.#to = to;
    if (wasAtEnd) this.moment = to;
  }

  /** Goes to a moment; what runs goes on from there. */
  seek(moment: number): void {
    this.moment = Math.min(this.#to, Math.max(this.#from, moment));
    this.onMove(this.moment, false);
  }

  play(): void {
    if (this.playing) return;
    if (this.atEnd) this.moment = this.#from;
    let last = performance.now();
    this.#timer = window.setInterval(() => {
      const now = performance.now();
      this.moment = Math.min(this.#to, this.moment + (now - last) * this.speed);
      last = now;
      const ended = this.atEnd;
      if (ended) this.pause();
      this.onMove(this.moment, ended);
    }, TICK_MS);
  }

  pause(): void {
    clearInterval(this.#timer);
    this.#timer = 0;
  }
}
