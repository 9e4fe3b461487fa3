// One request to the API: JSON in, an answer checked by its schema out.
import { Fault } from '@ridethrough/protocol/fault.ts'
import { Problem } from '@ridethrough/protocol/http/common.ts'
import type { z } from 'zod'
import { askForStepUp } from './step-up.ts'

export const API = '/api/v1'

/** No answer came back: the network is down, or the server is. */
export class Unreachable extends Error {
  constructor(cause: unknown) {
    super('the server cannot be reached', { cause })
    this.name = 'Unreachable'
  }
}

/** An answer came back that is none of the API's: something in between answered, or the versions differ. */
export class AnswerUnreadable extends Error {
  readonly status: number
  constructor(status: number, cause?: unknown) {
    super(`the answer with status ${status} is not understood`, { cause })
    this.name = 'AnswerUnreadable'
    this.status = status
  }
}

export type Call = {
  readonly method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  readonly signal?: AbortSignal
  /** In place of the cookie: what an open link gave. */
  readonly bearer?: string | undefined
}

/** Throws `Fault` for a problem the API names, `Unreachable` and `AnswerUnreadable` for the rest. */
export async function request<T extends z.ZodType>(path: string, answer: T, call: Call = {}): Promise<z.output<T>> {
  const response = await sendAsMyself(path, call)
  const parsed = answer.safeParse(await readJson(response))
  if (!parsed.success) throw new AnswerUnreadable(response.status, parsed.error)
  return parsed.data
}

/** A request that is answered with nothing (204). */
export async function requestNothing(path: string, call: Call): Promise<void> {
  await sendAsMyself(path, call)
}

// Where the API wants to be shown again who it is, the person is asked, and what was asked for goes on by itself.
async function sendAsMyself(path: string, call: Call): Promise<Response> {
  try {
    return await send(path, call)
  } catch (error) {
    const isAsked = error instanceof Fault && error.code === 'step-up-needed' && (call.method ?? 'GET') !== 'GET'
    if (!isAsked || !(await askForStepUp())) throw error
    return send(path, call)
  }
}

let changing = 0
let changedAt = Number.NEGATIVE_INFINITY
const waiting = new Set<() => void>()

/**
 * A change may give this browser another token (showing again who one is does): what was asked meanwhile by the old
 * one is refused although nobody was signed out. True while that may be so, and for `withinMs` after.
 */
export function mayHaveNewToken(withinMs: number): boolean {
  return changing > 0 || performance.now() - changedAt < withinMs
}

/** Once no change is under way. */
export function changesSettled(): Promise<void> {
  if (changing === 0) return Promise.resolve()
  return new Promise((resolve) => waiting.add(resolve))
}

async function send(path: string, call: Call): Promise<Response> {
  if ((call.method ?? 'GET') === 'GET') return sendOnce(path, call)
  changing += 1
  try {
    return await sendOnce(path, call)
  } finally {
    changing -= 1
    changedAt = performance.now()
    if (changing === 0) {
      for (const resolve of waiting) resolve()
      waiting.clear()
    }
  }
}

async function sendOnce(path: string, { method = 'GET', body, signal, bearer }: Call): Promise<Response> {
  const response = await fetch(`${API}${path}`, {
    method,
    credentials: 'same-origin',
    headers: {
      accept: 'application/json, application/problem+json',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
    body: body === undefined ? null : JSON.stringify(body),
    signal: signal ?? null,
  }).catch((error: unknown) => {
    if (signal?.aborted) throw error
    throw new Unreachable(error)
  })
  if (!response.ok) throw await faultOf(response)
  return response
}

async function faultOf(response: Response): Promise<Error> {
  const problem = Problem.safeParse(await readJson(response))
  if (!problem.success) return new AnswerUnreadable(response.status, problem.error)
  const { code, detail, title, fields } = problem.data
  const wait = Number(response.headers.get('retry-after'))
  return new Fault(code, detail || title, {
    ...(fields ? { fields } : {}),
    ...(wait > 0 ? { retryAfter: wait } : {}),
  })
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch (error) {
    if (error instanceof SyntaxError) throw new AnswerUnreadable(response.status, error)
    throw new Unreachable(error)
  }
}
