import { Search } from "lucide-react";
import type { Account } from "../../../src/contract/connections.ts";
import type { TemplateStatus } from "../../../src/contract/templates.ts";
import { useText } from "../app/text.tsx";
import { Input, Select } from "../ui/field.tsx";
import { categories } from "./words.ts";

export type Filter = { search: string; status: TemplateStatus | ""; category: string; accountId: string };
export const noFilter: Filter = { search: "", status: "", category: "", accountId: "" };

/** Those that one looks for; the others show without a filter, too. */
const statuses = ["approved", "pending", "rejected", "paused", "disabled"] as const satisfies readonly TemplateStatus[];

export function FilterBar({
  filter,
  onChange,
  accounts,
}: {
  filter: Filter;
  onChange: (filter: Filter) => void;
  accounts: readonly Account[];
}) {
  const text = useText();
  return (
    <div role="search" className="flex flex-wrap gap-2">
      <div className="relative min-w-52 grow">
        <Search size={16} aria-hidden className="pointer-events-none absolute start-3 top-3 text-faint" />
        <Input
          type="search"
          aria-label={text("templates_search")}
          placeholder={text("templates_search")}
          value={filter.search}
          onChange={(event) => onChange({ ...filter, search: event.target.value })}
          className="ps-9"
        />
      </div>
      <div className="w-44 max-sm:grow">
        <Select
          aria-label={text("templates_status")}
          value={filter.status}
          onChange={(event) => onChange({ ...filter, status: statuses.find((one) => one === event.target.value) ?? "" })}
        >
          <option value="">{text("templates_any_status")}</option>
          {statuses.map((status) => (
            <option key={status} value={status}>
              {text(`template_status_${status}`)}
            </option>
          ))}
        </Select>
      </div>
      <div className="w-44 max-sm:grow">
        <Select
          aria-label={text("templates_category")}
          value={filter.category}
          onChange={(event) => onChange({ ...filter, category: event.target.value })}
        >
          <option value="">{text("templates_any_category")}</option>
          {categories.map((category) => (
            <option key={category} value={category.toUpperCase()}>
              {text(`template_category_${category}`)}
            </option>
          ))}
        </Select>
      </div>
      {accounts.length < 2 ? null : (
        <div className="w-44 max-sm:grow">
          <Select
            aria-label={text("templates_account")}
            value={filter.accountId}
            onChange={(event) => onChange({ ...filter, accountId: event.target.value })}
          >
            <option value="">{text("templates_any_account")}</option>
            {accounts.map(({ id, wabaId }) => (
              <option key={id} value={id}>
                {wabaId}
              </option>
            ))}
          </Select>
        </div>
      )}
    </div>
  );
}
