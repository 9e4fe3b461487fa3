// "Is it still you?": one question for all requests that the API answers with `step-up-needed`, asked by whoever listens.

type Question = { readonly answered: Promise<boolean>; readonly answer: (isConfirmed: boolean) => void }

let question: Question | undefined
const listeners = new Set<() => void>()

export function subscribeStepUp(listener: () => void): () => void {
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    // Nobody is left who could answer: what waits is refused rather than forgotten.
    if (listeners.size === 0) answerStepUp(false)
  }
}

export function isStepUpAsked(): boolean {
  return question !== undefined
}

/** True once it is confirmed; false when the person declines, or when nothing on the page can ask. */
export function askForStepUp(): Promise<boolean> {
  if (listeners.size === 0) return Promise.resolve(false)
  question ??= newQuestion()
  tell()
  return question.answered
}

export function answerStepUp(isConfirmed: boolean): void {
  question?.answer(isConfirmed)
  question = undefined
  tell()
}

function newQuestion(): Question {
  let answer: (isConfirmed: boolean) => void = () => {}
  const answered = new Promise<boolean>((resolve) => {
    answer = resolve
  })
  return { answered, answer }
}

function tell(): void {
  for (const listener of [...listeners]) listener()
}
