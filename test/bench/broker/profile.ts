// Where the time goes: the functions of a CPU profile that have the most of their own.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { printTable } from '../figures.ts'

type Profile = {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

/** Of the newest profile in the folder, from so many ms after the process began. `(idle)` counts for nothing. */
export function printTopTen(folder: string, fromMs: number): void {
  const file = readdirSync(folder)
    .filter((name) => name.endsWith('.cpuprofile'))
    .toSorted()
    .at(-1)
  if (file === undefined) return
  const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Profile
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]))
  const own = new Map<string, number>()
  let at = 0
  for (const [index, id] of profile.samples.entries()) {
    const name = names.get(id) ?? ''
    at += profile.timeDeltas[index] ?? 0
    if (at > fromMs * 1000) own.set(name, (own.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0))
  }
  own.delete('(idle)')
  const total = [...own.values()].reduce((sum, time) => sum + time, 0)
  const top = [...own].toSorted((a, b) => b[1] - a[1]).slice(0, 15)
  console.log(`\nOwn time of our broker's functions, of ${(total / 1e6).toFixed(1)} s that it was busy (${file})`)
  printTable([
    ['function', 'ms', 'share'],
    ...top.map(([name, time]) => [name, Math.round(time / 1000), `${((time / total) * 100).toFixed(1)} %`]),
  ])
}

function nameOf({ functionName, url, lineNumber }: Profile['nodes'][number]['callFrame']): string {
  const file = url.split('/').slice(-2).join('/')
  return url === '' ? functionName : `${functionName || '(anonymous)'} ${file}:${lineNumber + 1}`
}
