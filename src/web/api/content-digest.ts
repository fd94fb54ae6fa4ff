// The header Content-Digest (RFC 9530): what a body hashes to, told beside it.

/**
 * The SHA-256 in the header as 64 hex characters. Other algorithms in the list are ignored; null when it has no SHA-256, more than
 * one, or one of another form. Pure.
 */
export function sha256OfHeader(header: string | undefined): string | null {
  const told = (header ?? '')
    .split(',')
    .map((part) => /^\s*([a-z0-9*_.-]+)=:([A-Za-z0-9+/]*={0,2}):(?:;.*)?\s*$/.exec(part))
    .filter((part) => part?.[1] === 'sha-256')
  const encoded = told.length === 1 ? told[0]?.[2] : undefined
  if (encoded === undefined) return null
  const bytes = Buffer.from(encoded, 'base64')
  // Of the many texts that decode to the same bytes only the proper one.
  return bytes.length === 32 && bytes.toString('base64') === encoded ? bytes.toString('hex') : null
}
