// Nothing is here yet, and what to do about it.
import { Paper, Stack, Text, Title } from '@mantine/core'
import type { ReactNode } from 'react'

type EmptyProps = {
  readonly title: string
  readonly children: string
  readonly action?: ReactNode
  readonly level?: 2 | 3
}

export function Empty({ title, children, action, level = 2 }: EmptyProps) {
  return (
    <Paper withBorder p="lg" bg="var(--surface)">
      <Stack gap="xs" align="flex-start" maw={640}>
        <Title order={level} size="h3">
          {title}
        </Title>
        <Text c="dimmed">{children}</Text>
        {action}
      </Stack>
    </Paper>
  )
}
