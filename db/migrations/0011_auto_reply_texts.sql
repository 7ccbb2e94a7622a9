-- What the automatic reply says; null is the text of the tenant's language.
alter table tenants add column auto_reply_text text
  check (char_length(auto_reply_text) between 1 and 1024);
