import { expect, test } from 'vitest'
import { Keepalive, type Watched } from './keepalive.ts'

function watchedFor(keepaliveS: number, isHeld = false): Watched & { isGone: boolean } {
  return {
    ...{ keepaliveS, isHeld, isHeard: true, silentFor: 0, isGone: false },
    silent() {
      this.isGone = true
    },
  }
}

test('a client is given up after one and a half times its interval without a word, and not before', () => {
  const [quiet, speaking, unread, early] = [watchedFor(10), watchedFor(10), watchedFor(10, true), watchedFor(0)]
  const keepalive = new Keepalive([quiet, speaking, unread, early])
  // the first look finds what has been said until then
  for (let second = 0; second <= 15; second += 1) {
    expect(quiet.isGone).toBe(false)
    speaking.isHeard = second % 14 === 0
    keepalive.look()
  }
  keepalive.look()
  expect(quiet.isGone).toBe(true)
  for (let second = 0; second < 100; second += 1) {
    speaking.isHeard = true
    keepalive.look()
  }
  expect([speaking, unread, early].map(({ isGone }) => isGone)).toEqual([false, false, false])
  keepalive.stop()
})
