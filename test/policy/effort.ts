// How hard the properties try: less for each of hundreds of mutants, which rows alone mostly find (vitest.mutate.ts).
import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** The share of the usual runs that is made; 1 unless a configuration says otherwise. */
    effort?: number
  }
}

export function runs(usual: number): { numRuns: number } {
  return { numRuns: Math.ceil(usual * (inject('effort') ?? 1)) }
}
