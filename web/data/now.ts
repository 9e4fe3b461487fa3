// The server's time now, for ages on the screen: one ticking clock for all of them.
import { useSyncExternalStore } from 'react'
import { useLive } from './live.ts'

const listeners = new Set<() => void>()
let second = Math.floor(Date.now() / 1000)
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    second = Math.floor(Date.now() / 1000)
    for (const each of [...listeners]) each()
  }, 1000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** Whole steps of `stepMs` only, so that a label in minutes is drawn once a minute. */
export function useNow(stepMs = 1000): number {
  const { link } = useLive()
  const now = useSyncExternalStore(subscribe, () => Math.floor((second * 1000) / stepMs) * stepMs)
  return now + link.connection().clockOffset
}
