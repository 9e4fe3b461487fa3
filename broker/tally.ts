// A counter by one label whose values are known in advance: counting is adding to a field, and each value is shown from the
// start, so that the first time is an increase and not the beginning of a series.
import { Counter, type Registry } from 'prom-client'

export class Tally<Label extends string, Value extends string> {
  readonly #label: Label
  readonly #counts: Record<Value, number>
  readonly #counter: Counter<Label>

  constructor(
    options: { readonly name: string; readonly help: string; readonly registers: Registry[] },
    label: Label,
    values: readonly Value[],
  ) {
    this.#label = label
    const counts = Object.fromEntries(values.map((value) => [value, 0])) as Record<Value, number>
    this.#counts = counts
    this.#counter = new Counter({
      ...options,
      labelNames: [label],
      collect() {
        this.reset()
        for (const value of values) this.labels(value).inc(counts[value])
      },
    })
  }

  inc(labels: Readonly<Record<Label, Value>>, by = 1): void {
    this.#counts[labels[this.#label]] += by
  }

  get(): ReturnType<Counter<Label>['get']> {
    return this.#counter.get()
  }
}
