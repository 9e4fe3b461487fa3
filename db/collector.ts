// Many ask for one thing each at about the same time: they are asked for together.

export type CollectorOptions = {
  /** In one batch, and how many batches are under way together. */
  readonly most?: number
  readonly atOnce?: number
}

type Asking<Item, Answer> = {
  readonly item: Item
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: unknown) => void
}

/**
 * Whoever asks while others are being answered waits for the next batch and goes with all that have asked until then; who
 * asks alone is answered at once. Nothing is answered from what was read before it was asked.
 */
export class Collector<Item, Answer> {
  readonly #load: (items: readonly Item[]) => Promise<readonly Answer[]>
  readonly #most: number
  readonly #atOnce: number
  #waiting: Asking<Item, Answer>[] = []
  #underWay = 0
  #isPlanned = false

  /** `load` answers each item at its place; when it rejects, so do all of the batch. */
  constructor(load: (items: readonly Item[]) => Promise<readonly Answer[]>, options: CollectorOptions = {}) {
    this.#load = load
    this.#most = options.most ?? 500
    this.#atOnce = options.atOnce ?? 1
  }

  ask(item: Item): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#plan()
    })
  }

  /** At the end of this turn of the event loop: what else is asked in it comes along. */
  #plan(): void {
    if (this.#isPlanned || this.#underWay >= this.#atOnce) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      while (this.#waiting.length > 0 && this.#underWay < this.#atOnce) void this.#answer()
    })
  }

  async #answer(): Promise<void> {
    const batch = this.#waiting.slice(0, this.#most)
    this.#waiting = this.#waiting.slice(this.#most)
    this.#underWay += 1
    try {
      const answers = await this.#load(batch.map(({ item }) => item))
      if (answers.length !== batch.length) throw new Error('a batch was not answered item by item')
      for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    } finally {
      this.#underWay -= 1
      if (this.#waiting.length > 0) this.#plan()
    }
  }
}
