// The list of groups. One that is chosen restricts the list of peers to its members.

const groupsQuery = { filter: "", skip: 0, take: ROWS };

/** Asks for the groups, and shows them. */
async function groups() {
  if (server.state !== "open" || document.hidden) return;
  const page = await inspect.groups(groupsQuery, { timeout: 5000 });
  pages("groups", groupsQuery, page.matching);
  const users = (group) => group.users.join(", ") + (group.more_users && group.users.length ? ", …" : "");
  fill($("groups"), [
    { title: "Group", name: true, cell: (group) => group.shown },
    { title: "Members", number: true, cell: (group) => count(group.members) },
    { title: "Users", cell: (group) => ({ text: users(group) || "–", kind: "users" }) },
  ], page.groups, {
    key: (group) => group.name,
    empty: groupsQuery.filter ? "No group matches." : "There are no groups.",
    choose: (name) => chooseGroup(name === query.group ? {} : page.groups.find((group) => group.name === name) ?? {}),
    chosen: query.group ?? "",
  });
}

/** Shows only the members of a group, or all peers. */
function chooseGroup({ name, shown }) {
  query.group = name;
  query.skip = 0;
  $("peers-group").hidden = name === undefined;
  $("peers-group-name").textContent = shown ?? "";
  void Promise.allSettled([list(), groups()]);
}

$("peers-group-clear").addEventListener("click", () => chooseGroup({}));
paged("groups", groupsQuery, groups);
