// The form of a page outside the frame: one title, its fields, one button, what went wrong.
import { Button, Paper, Stack, Title } from '@mantine/core'
import type { FormEvent, ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Alert } from '../ui/alert.tsx'
import { OpenFrame } from '../ui/frame.tsx'
import { useTitle } from './page.tsx'

type OpenFormProps = {
  readonly title: string
  readonly submit: string
  readonly form: {
    readonly submit: (event: FormEvent) => void
    readonly isSending: boolean
    readonly fault: string | undefined
  }
  /** Why somebody is here who did not ask for it. */
  readonly notice?: string | undefined
  readonly lead?: string | undefined
  readonly children: ReactNode
  /** Other ways to the same end. */
  readonly below?: ReactNode
  readonly foot?: ReactNode
}

export function OpenForm({ title, submit, form, notice, lead, children, below, foot }: OpenFormProps) {
  const { t } = useTranslation()
  useTitle(title)
  return (
    <OpenFrame name={t('app.name')}>
      <Paper withBorder p="lg" bg="var(--surface)">
        <form onSubmit={form.submit} noValidate>
          <Stack>
            <Title order={1}>{title}</Title>
            {notice && <Alert kind="note">{notice}</Alert>}
            {lead && <p style={{ margin: 0 }}>{lead}</p>}
            {children}
            {form.fault && <Alert kind="fault">{form.fault}</Alert>}
            <Button type="submit" loading={form.isSending} fullWidth size="md">
              {submit}
            </Button>
          </Stack>
        </form>
        {below && <div style={{ marginTop: '0.75rem' }}>{below}</div>}
      </Paper>
      {foot && <div style={{ marginTop: '1rem', textAlign: 'center' }}>{foot}</div>}
    </OpenFrame>
  )
}
