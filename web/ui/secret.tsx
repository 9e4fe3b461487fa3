// Something that is shown once and copied away.
import { Button, Code, Group, Stack } from '@mantine/core'
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

type SecretProps = CopyProps & { readonly name: string }

export function Secret({ name, ...copy }: SecretProps) {
  return (
    <Stack gap="xs" role="group" aria-label={name}>
      <Code block tabIndex={0} aria-label={name} style={{ overflowWrap: 'anywhere', whiteSpace: 'pre-wrap' }}>
        {copy.text}
      </Code>
      <Group>
        <CopyButton {...copy} />
      </Group>
    </Stack>
  )
}
