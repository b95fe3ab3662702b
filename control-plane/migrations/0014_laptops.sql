-- Local gateways of developers. `owner` is the user, absent for gateways that an administrator let enrol. `upstream` is the
-- session that such a gateway shows the central one, in a box that only its own key opens; `upstream_session` is its id.
ALTER TABLE gateways ADD COLUMN owner TEXT;
ALTER TABLE gateways ADD COLUMN upstream TEXT;
ALTER TABLE gateways ADD COLUMN upstream_session TEXT;
ALTER TABLE join_tokens ADD COLUMN owner TEXT;
-- The local gateway that a session of the audience `gateway` belongs to, and ends with.
ALTER TABLE sessions ADD COLUMN gateway TEXT;
