// The one error class and the one list of error codes. Texts live in the dictionaries (`locales/`), by code.

/** Values that fill the blanks of a message. Never a secret. */
export type Facts = Readonly<Record<string, string | number | undefined>>

/** `later`: the same call may work by itself later; `never`: somebody must change something first. */
export type Retry = 'now' | 'later' | 'never'

interface ProblemKind {
  /** HTTP status of the answer. */
  readonly status: number
  readonly retry: Retry
}

/** Every failure a person or a retry loop can meet. Codes are stable: scripts and peers rely on them. */
export const problems = {
  validation_failed: { status: 422, retry: 'never' },
  name_invalid: { status: 422, retry: 'never' },
  job_not_found: { status: 404, retry: 'never' },
  job_already_running: { status: 409, retry: 'later' },
  run_not_found: { status: 404, retry: 'never' },
  run_finished: { status: 409, retry: 'never' },
  archive_not_found: { status: 404, retry: 'never' },
  archive_exists: { status: 409, retry: 'never' },
  archive_differs: { status: 409, retry: 'never' },
  archive_pinned: { status: 409, retry: 'never' },
  archive_in_use: { status: 409, retry: 'later' },
  archive_corrupted: { status: 409, retry: 'never' },
  archive_last_good: { status: 409, retry: 'never' },
  archive_truncated: { status: 500, retry: 'later' },
  archives_dir_missing: { status: 503, retry: 'later' },
  source_unknown: { status: 422, retry: 'never' },
  source_missing: { status: 422, retry: 'later' },
  source_unreadable: { status: 500, retry: 'later' },
  tool_missing: { status: 503, retry: 'never' },
  disk_full: { status: 507, retry: 'later' },
  insufficient_storage: { status: 507, retry: 'later' },
  yunohost_failed: { status: 502, retry: 'later' },
  yunohost_busy: { status: 503, retry: 'later' },
  nothing_backed_up: { status: 502, retry: 'later' },
  hook_failed: { status: 502, retry: 'later' },
  command_failed: { status: 502, retry: 'later' },
  timed_out: { status: 504, retry: 'later' },
  cancelled: { status: 499, retry: 'never' },
  interrupted: { status: 500, retry: 'later' },
  helper_refused: { status: 500, retry: 'never' },
  helper_unavailable: { status: 503, retry: 'later' },
  database_damaged: { status: 500, retry: 'never' },
  database_newer: { status: 500, retry: 'never' },
  record_damaged: { status: 500, retry: 'never' },
  instance_locked: { status: 503, retry: 'later' },
  not_admin: { status: 403, retry: 'never' },
  not_signed_in: { status: 401, retry: 'never' },
  csrf_refused: { status: 403, retry: 'never' },
  restore_not_found: { status: 404, retry: 'never' },
  restore_refused: { status: 409, retry: 'never' },
  restore_plan_changed: { status: 409, retry: 'now' },
  restore_finished: { status: 409, retry: 'never' },
  restore_running: { status: 409, retry: 'later' },
  safety_incomplete: { status: 409, retry: 'never' },
  restore_failed: { status: 500, retry: 'never' },
  put_back_failed: { status: 500, retry: 'never' },
  confirmation_missing: { status: 422, retry: 'never' },
  archive_unsafe: { status: 409, retry: 'never' },
  archive_newer: { status: 409, retry: 'never' },
  member_not_found: { status: 404, retry: 'never' },
  database_unreachable: { status: 503, retry: 'later' },
  database_login_refused: { status: 502, retry: 'never' },
  database_missing: { status: 422, retry: 'never' },
  database_in_use: { status: 409, retry: 'later' },
  dump_incomplete: { status: 502, retry: 'later' },
  secret_unreadable: { status: 500, retry: 'never' },
  drill_running: { status: 409, retry: 'later' },
  unauthenticated: { status: 401, retry: 'never' },
  scope_missing: { status: 403, retry: 'never' },
  too_many_failures: { status: 429, retry: 'later' },
  too_many_requests: { status: 429, retry: 'later' },
  request_invalid: { status: 400, retry: 'never' },
  length_required: { status: 411, retry: 'never' },
  body_too_large: { status: 413, retry: 'never' },
  endpoint_not_found: { status: 404, retry: 'never' },
  not_supported: { status: 501, retry: 'never' },
  upload_not_found: { status: 404, retry: 'never' },
  upload_busy: { status: 429, retry: 'later' },
  upload_incomplete: { status: 409, retry: 'later' },
  upload_checksum_mismatch: { status: 422, retry: 'never' },
  chunk_out_of_range: { status: 400, retry: 'never' },
  chunk_size_mismatch: { status: 400, retry: 'later' },
  chunk_digest_mismatch: { status: 400, retry: 'later' },
  quota_exceeded: { status: 413, retry: 'later' },
  archive_held: { status: 409, retry: 'later' },
  pairing_refused: { status: 403, retry: 'never' },
  peer_is_self: { status: 409, retry: 'never' },
  peer_exists: { status: 409, retry: 'never' },
  peer_not_found: { status: 404, retry: 'never' },
  peer_insecure: { status: 422, retry: 'never' },
  peer_unreachable: { status: 502, retry: 'later' },
  peer_untrusted: { status: 502, retry: 'never' },
  peer_answer_invalid: { status: 502, retry: 'later' },
  peer_identity_changed: { status: 502, retry: 'never' },
  peer_cloned: { status: 502, retry: 'later' },
  peer_key_refused: { status: 502, retry: 'never' },
  peer_forbids: { status: 502, retry: 'never' },
  peer_no_key: { status: 409, retry: 'never' },
  peer_problem: { status: 502, retry: 'later' },
  token_not_found: { status: 404, retry: 'never' },
  destination_not_found: { status: 404, retry: 'never' },
  destination_disabled: { status: 409, retry: 'never' },
  transfer_not_found: { status: 404, retry: 'never' },
  transfer_finished: { status: 409, retry: 'never' },
  transfer_mode_unavailable: { status: 409, retry: 'never' },
  ssh_failed: { status: 502, retry: 'later' },
  ssh_host_key_changed: { status: 502, retry: 'never' },
  page_not_found: { status: 404, retry: 'never' },
  internal: { status: 500, retry: 'later' },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof problems

/** One wrong input. `field` is a path such as `config.source_path`; `code` names a text `field.<code>`. */
export interface FieldError {
  readonly field: string
  readonly code: FieldErrorCode
  readonly facts?: Facts
}

/** What can be wrong with one input. Texts: `field.<code>` in the dictionaries. */
export const fieldErrorCodes = [
  'required',
  'unknown_value',
  'not_text',
  'not_number',
  'out_of_range',
  'too_long',
  'control_characters',
  'has_slash',
  'name_taken',
  'unknown_type',
  'cron_invalid',
  'cron_never',
  'path_not_absolute',
  'path_missing',
  'path_not_directory',
  'path_contains_archives',
  'path_inside_archives',
  'path_contains_data',
  'path_inside_data',
  'path_unreadable',
  'exclude_invalid',
  'excludes_everything',
  'app_not_installed',
  'part_unknown',
  'policy_invalid',
  'mode_invalid',
  'json_invalid',
  'option_unsupported',
  'path_not_in_archive',
  'path_is_link',
  'path_parent_missing',
  'path_has_mounts',
  'path_not_empty',
  'path_is_mount_point',
  'target_not_in_archive',
  'archive_unsafe',
  'archive_damaged',
  'archive_truncated',
  'archive_name_invalid',
  'archive_name_taken',
  'archive_newer',
  'archive_too_old',
  'archive_not_listed',
  'one_installed_app',
  'url_taken',
  'data_is_mount_point',
  'device_in_archive',
  'no_space',
  'tool_missing',
  'server_unreachable',
  'login_refused',
  'permission_denied',
  'database_missing',
  'database_in_use',
  'database_referenced',
  'database_name_invalid',
  'role_missing',
  'owner_unknown',
  'user_conflict',
  'port_invalid',
  'host_invalid',
  'yunohost_missing',
  'yunohost_too_old',
  'domain_missing',
  'name_reserved',
  'name_of_another',
  'file_missing',
  'path_not_safe',
  'path_not_writable',
  'not_regular_file',
  'not_an_archive',
  'only_directories_compared',
  'secret_in_arguments',
  'url_invalid',
  'url_not_https',
  'token_invalid',
  'invitation_invalid',
  'scope_unknown',
  'pin_invalid',
  'peer_name_taken',
  'time_past',
  'peer_not_reached',
  'instance_unexpected',
  'certificate_untrusted',
  'key_refused',
  'key_required',
  'unexpected',
] as const
export type FieldErrorCode = (typeof fieldErrorCodes)[number]

/**
 * A failure with a stable code. `facts` fill the blanks of its text, `cause` keeps the original error,
 * `errors` name the wrong inputs of a `validation_failed`.
 */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly code: ProblemCode
  readonly facts: Facts
  readonly errors: readonly FieldError[]
  /** Runs of chunks that are not there (`upload_incomplete`): first and last number of each. */
  readonly missing: readonly (readonly [first: number, last: number])[]

  constructor(
    code: ProblemCode,
    facts: Facts = {},
    options: { cause?: unknown; errors?: readonly FieldError[]; missing?: Problem['missing'] } = {},
  ) {
    super(describe(code, facts), options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.facts = facts
    this.errors = options.errors ?? []
    this.missing = options.missing ?? []
  }
}

/** The `validation_failed` problem for a list of wrong inputs. */
export function invalid(...errors: readonly FieldError[]): Problem {
  return new Problem('validation_failed', { fields: errors.map((e) => e.field).join(', ') }, { errors })
}

/** True for a {@link Problem}, also one with the given code. */
export function isProblem(error: unknown, code?: ProblemCode): error is Problem {
  return error instanceof Problem && (code === undefined || error.code === code)
}

/** A short text for developers and logs; people read the dictionary's text instead. */
function describe(code: string, facts: Facts): string {
  const told = Object.entries(facts)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([key, value]) => `${key}=${value}`)
  return told.length === 0 ? code : `${code} (${told.join(', ')})`
}
