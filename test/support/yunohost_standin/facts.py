"""The commands beside backups: apps, versions, settings, firewall, users, domains."""
from . import apps, out, world


def app_row(name, app, full):
    row = {"id": name, "name": app["name"], "description": app["description"], "version": app["version"],
           "domain_path": f"{app['domain']}{app['path']}"}
    if full:
        row.update({"label": app["name"], "settings": {"id": name, "install_dir": f"/var/www/{name}",
                                                     "db_pwd": "s3cret"},
                    "manifest": {"id": name, "version": app["version"]}, "supports_backup_restore": True,
                    "supports_multi_instance": True})
    return row


def app_list(full):
    rows = sorted(world.load()["apps"].items())
    return {"apps": [app_row(name, app, full) for name, app in rows if apps.is_readable(name)]}


def app_info(name, full):
    app = world.load()["apps"].get(name)
    if app is None:
        raise out.YunohostError(f"Could not find {name} in the list of installed apps")
    return {key: value for key, value in app_row(name, app, full).items() if key != "id"}


def versions():
    version = world.load()["version"]
    names = ("yunohost", "yunohost-admin", "yunohost-portal", "moulinette", "ssowat")
    return {name: {"version": version, "repo": "stable"} for name in names}


def settings_get(key):
    settings = world.load()["settings"]
    if key not in settings:
        raise out.YunohostError(f"The key '{key}' doesn't exist in the settings")
    return settings[key]


def settings_set(key, value):
    state = world.load()
    settings_get(key)
    state["settings"][key] = {"yes": 1, "no": 0, "1": 1, "0": 0}.get(value, value)
    world.save(state)


def firewall_list(raw, protocol):
    rules = {p: r for p, r in world.load()["firewall"].items() if protocol in (None, p)}
    if raw:
        return {**rules, "router_forwarding_upnp": False}
    return {p: sorted(int(port) for port, rule in ports.items() if rule["open"] and "-" not in port)
            for p, ports in rules.items()}


def firewall_set(port, comment, protocol, is_open):
    state = world.load()
    rule = state["firewall"][protocol].setdefault(port, {"open": False, "upnp": False, "comment": ""})
    rule["open"] = is_open
    if comment is not None:
        rule["comment"] = comment
    world.save(state)


def firewall_delete(port, protocol):
    state = world.load()
    state["firewall"][protocol].pop(port, None)
    world.save(state)


def user_delete(name):
    state = world.load()
    if state["users"].pop(name, None) is None:
        raise out.YunohostError(f"Unknown user: {name}")
    world.save(state)


def user_list():
    return {"users": {name: {"username": name, "fullname": user["fullname"], "mail": f"{name}@example.test",
                             "mailbox-quota": "No quota"} for name, user in world.load()["users"].items()}}


def groups():
    users = world.load()["users"]
    return {"groups": {group: {"members": [n for n, u in users.items() if group in u["groups"]]}
                       for group in ("admins", "all_users", "visitors")}}


def domains():
    state = world.load()
    return {"domains": state["domains"], "main": state["main_domain"]}


def domain_add(domain):
    state = world.load()
    if domain in state["domains"]:
        raise out.YunohostError("The domain already exists")
    state["domains"].append(domain)
    world.save(state)


def domain_remove(domain):
    state = world.load()
    if domain not in state["domains"]:
        raise out.YunohostError(f"Domain '{domain}' unknown")
    used = [name for name, app in state["apps"].items() if app["domain"] == domain]
    if used or domain == state["main_domain"]:
        raise out.YunohostError(f"Those applications are still installed on your domain: {', '.join(used)}")
    state["domains"].remove(domain)
    world.save(state)
