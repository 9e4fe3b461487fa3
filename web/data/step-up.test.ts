import { expect, test } from 'vitest'
import { answerStepUp, askForStepUp, isStepUpAsked, subscribeStepUp } from './step-up.ts'

test('where nobody can ask, what needs a recent sign-in stays refused', async () => {
  expect(await askForStepUp()).toBe(false)
  expect(isStepUpAsked()).toBe(false)
})

test('requests that wait at the same time are answered by one question', async () => {
  const asked: boolean[] = []
  const stop = subscribeStepUp(() => asked.push(isStepUpAsked()))
  const both = [askForStepUp(), askForStepUp()]
  expect(isStepUpAsked()).toBe(true)
  answerStepUp(true)
  expect(await Promise.all(both)).toEqual([true, true])
  expect(isStepUpAsked()).toBe(false)
  expect(asked).toEqual([true, true, false])
  stop()
})

test('what waits when the page is left is refused, not forgotten', async () => {
  const stop = subscribeStepUp(() => {})
  const waiting = askForStepUp()
  stop()
  expect(await waiting).toBe(false)
})
