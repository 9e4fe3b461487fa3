// Comma-separated values as RFC 4180 has them, safe to open in a spreadsheet.

export const CSV_TYPE = 'text/csv; charset=utf-8; header=present'

/** One record, with its line end. */
export function csvRecord(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

/** Spreadsheets take a cell that begins like a formula for one, wherever the text came from (CWE-1236). */
const FORMULA = /^[\s\p{C}]*[=+\-@＝＋－＠]|^[\t\r\n]/u

function cell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text
  return /[",\r\n']|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
