// Asks before something that cannot be taken back, with what it will do to what; for the worst, the name has to be typed.
import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core'
import { type FormEvent, useState } from 'react'
import { Alert } from './alert.tsx'

type ConfirmProps = {
  readonly title: string
  readonly what: string
  readonly submit: string
  readonly cancel: string
  readonly closeLabel: string
  readonly isBusy: boolean
  /** What can be taken back with one press is not painted red. */
  readonly isHarmless?: boolean
  readonly fault?: string | undefined
  /** The word to type first, and what to say about it. */
  readonly typed?: { readonly word: string; readonly label: string; readonly mismatch: string }
  readonly onConfirm: () => void
  readonly onCancel: () => void
}

export function Confirm({
  title,
  what,
  submit,
  cancel,
  closeLabel,
  isBusy,
  isHarmless = false,
  fault,
  typed,
  onConfirm,
  onCancel,
}: ConfirmProps) {
  const [word, setWord] = useState('')
  const [isMismatch, setMismatch] = useState(false)
  function confirm(event: FormEvent) {
    event.preventDefault()
    // React lets it rise to a form that this dialog is drawn from: a question before declining must not accept.
    event.stopPropagation()
    if (typed && word.trim() !== typed.word) setMismatch(true)
    else onConfirm()
  }
  return (
    <Modal opened onClose={onCancel} title={title} centered closeButtonProps={{ 'aria-label': closeLabel }}>
      <form onSubmit={confirm} noValidate>
        <Stack>
          <Text>{what}</Text>
          {typed && (
            <TextInput
              label={typed.label}
              placeholder={typed.word}
              value={word}
              autoComplete="off"
              error={isMismatch ? typed.mismatch : undefined}
              onChange={(event) => {
                setWord(event.currentTarget.value)
                setMismatch(false)
              }}
            />
          )}
          {fault && <Alert kind="fault">{fault}</Alert>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onCancel}>
              {cancel}
            </Button>
            <Button type="submit" {...(isHarmless ? {} : { className: 'dangerous' })} loading={isBusy}>
              {submit}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  )
}
