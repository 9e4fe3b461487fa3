// Something that is shown once and copied away.
import { Button, Stack, Textarea } from '@mantine/core'
import { useClipboard } from '@mantine/hooks'
import { IconCheck, IconCopy } from '@tabler/icons-react'

type CopyProps = { readonly text: string; readonly label: string; readonly done: string }

/** Says on itself that it was done; a screen reader hears it from the label. */
export function CopyButton({ text, label, done }: CopyProps) {
  const clipboard = useClipboard({ timeout: 3000 })
  return (
    <Button
      variant="default"
      size="sm"
      leftSection={clipboard.copied ? <IconCheck size={16} aria-hidden /> : <IconCopy size={16} aria-hidden />}
      onClick={() => clipboard.copy(text)}
    >
      <span aria-live="polite">{clipboard.copied ? done : label}</span>
    </Button>
  )
}

type SecretProps = CopyProps & { readonly name: string; readonly rows: number }

/** A field that cannot be typed into: it is read out by its name, and selects itself where copying by button is refused. */
export function Secret({ name, rows, ...copy }: SecretProps) {
  return (
    <Stack gap="xs" align="flex-start">
      <Textarea
        label={name}
        value={copy.text}
        readOnly
        rows={rows}
        w="100%"
        spellCheck={false}
        styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)', overflowWrap: 'anywhere' } }}
        onFocus={(event) => event.currentTarget.select()}
      />
      <CopyButton {...copy} />
    </Stack>
  )
}
