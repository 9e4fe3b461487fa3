// A Prometheus of its own for a test: Debian's, on a free port, with its data in a folder that goes with it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'

/** `value` as Prometheus writes it: `NaN` and `+Inf` are no JSON. */
export type Sample = { readonly labels: Readonly<Record<string, string>>; readonly value: string }

export type Rule = {
  readonly name: string
  readonly query: string
  readonly health: string
  readonly lastError?: string
}

export type Prometheus = {
  /** Throws with Prometheus' words when it does not understand the expression. */
  query(expression: string): Promise<Sample[]>
  /** The same, until there is something to show: `undefined` when there is nothing for so long. */
  queryUntil(
    expression: string,
    fits: (samples: Sample[]) => boolean,
    patienceMs?: number,
  ): Promise<Sample[] | undefined>
  /** Those of the rule files, as they were understood. */
  rules(): Promise<Rule[]>
  stop(): Promise<void>
}

export type PrometheusOptions = {
  /** `host:port` by the name of its job. */
  readonly targets: Readonly<Record<string, string>>
  readonly ruleFiles: readonly string[]
  readonly intervalMs: number
}

const Vector = z.object({
  data: z.object({
    resultType: z.literal('vector'),
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
})
const Failure = z.object({ status: z.literal('error'), error: z.string() })
const Rules = z.object({
  data: z.object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({ name: z.string(), query: z.string(), health: z.string(), lastError: z.string().optional() }),
        ),
      }),
    ),
  }),
})

const LOOK_AGAIN_MS = 100

export async function startPrometheus({ targets, ruleFiles, intervalMs }: PrometheusOptions): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'ridethrough-prometheus-'))
  // JSON is YAML
  const config = {
    global: {
      scrape_interval: `${intervalMs}ms`,
      scrape_timeout: `${intervalMs}ms`,
      evaluation_interval: `${intervalMs}ms`,
    },
    rule_files: ruleFiles,
    scrape_configs: Object.entries(targets).map(([job_name, target]) => ({
      job_name,
      static_configs: [{ targets: [target] }],
    })),
  }
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const files = [`--config.file=${join(folder, 'prometheus.yml')}`, `--storage.tsdb.path=${join(folder, 'data')}`]
  const child = spawn('/usr/bin/prometheus', [...files, '--web.listen-address=127.0.0.1:0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const gone = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGTERM')
    await gone
    await rm(folder, { recursive: true, force: true })
  }
  try {
    const url = await listening(child.stderr, gone)
    return { ...clientOf(url), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Its address, once it answers; the port is in its log only. */
async function listening(stderr: NodeJS.ReadableStream, gone: Promise<unknown>): Promise<string> {
  const lines: string[] = []
  const ready = new Promise<string>((resolve) => {
    let url: string | undefined
    createInterface(stderr).on('line', (line) => {
      lines.push(line)
      url ??= /msg="Listening on" address=(\S+)/.exec(line)?.[1]
      if (url !== undefined && line.includes('Server is ready')) resolve(`http://${url}`)
    })
  })
  const url = await Promise.race([ready, gone])
  if (typeof url !== 'string') throw new Error(`prometheus has ended:\n${lines.slice(-20).join('\n')}`)
  return url
}

function clientOf(url: string): Omit<Prometheus, 'stop'> {
  const query = async (expression: string): Promise<Sample[]> => {
    const response = await fetch(`${url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expression }),
    })
    const body: unknown = await response.json()
    const failure = Failure.safeParse(body)
    if (failure.success) throw new Error(`${failure.data.error}: ${expression}`)
    return Vector.parse(body).data.result.map(({ metric, value }) => ({ labels: metric, value: value[1] }))
  }
  return {
    query,
    queryUntil: async (expression, fits, patienceMs = 20_000) => {
      const end = performance.now() + patienceMs
      for (;;) {
        const samples = await query(expression)
        if (fits(samples)) return samples
        if (performance.now() > end) return undefined
        // scraped from time to time: there is nothing to wait for but the next
        await pause(LOOK_AGAIN_MS)
      }
    },
    rules: async () => {
      const { data } = Rules.parse(await (await fetch(`${url}/api/v1/rules`)).json())
      return data.groups.flatMap(({ rules }) =>
        rules.map(({ lastError, ...rule }) => (lastError === undefined ? rule : { ...rule, lastError })),
      )
    },
  }
}
