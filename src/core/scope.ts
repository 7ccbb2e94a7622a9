declare const made: unique symbol;

/**
 * The right to act for one tenant. Made only where that right was established: by authentication (`http/`) or by
 * routing a signed webhook (`queue/`).
 */
export type TenantScope = { readonly tenantId: string; readonly [made]: true };

export function tenantScope(tenantId: string): TenantScope {
  const scope = { tenantId };
  // The brand exists only for the compiler.
  return scope as TenantScope;
}
