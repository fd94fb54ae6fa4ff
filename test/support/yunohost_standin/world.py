"""The pretended server: everything it has lies below one root folder, which is made on first use."""
import json
import os
import tempfile
import time

VERSION = "12.1.39"
COMPRESS = "misc.backup.backup_compress_tar_archives"
# part -> priority of its hooks, in the order YunoHost runs them.
STOCK_PARTS = {
    "conf_ldap": "05", "data_home": "17", "data_multimedia": "18", "conf_ynh_settings": "20",
    "conf_ynh_certs": "21", "data_mail": "23", "conf_manually_modified_files": "50",
}
DEFAULT_APPS = [
    {"id": "nextcloud", "name": "Nextcloud", "version": "31.0.4~ynh1", "data_dir": True,
     "description": "Online storage, file sharing platform and various other applications"},
    {"id": "nocodb", "name": "NocoDB", "version": "0.263.3~ynh1", "data_dir": True,
     "description": "Turns any database into a smart spreadsheet"},
    {"id": "wordpress", "name": "WordPress", "version": "6.8.1~ynh2",
     "description": "Create a blog or a simple web site"},
    {"id": "wordpress__2", "name": "WordPress", "version": "6.8.1~ynh2",
     "description": "Create a blog or a simple web site"},
    {"id": "my_webapp", "name": "My Webapp", "version": "1.0~ynh24",
     "description": "Custom web app with SFTP access"},
]


def root():
    given = os.environ.get("FAKE_YUNOHOST_ROOT")
    if given:
        return os.path.abspath(given)
    return os.path.join(tempfile.gettempdir(), f"fake-yunohost-{os.getuid()}")


def at(path):
    """A path of the pretended server (absolute) on the real disk."""
    return root() + path


def archives_dir():
    return os.environ.get("FAKE_YUNOHOST_ARCHIVES") or at("/home/yunohost.backup/archives")


def tmp_dir():
    return os.path.join(os.path.dirname(archives_dir()), "tmp")


def write(path, text, mode=0o644):
    target = at(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(target, mode)


def write_bytes(path, size):
    """A file of `size` bytes that do not compress."""
    target = at(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        while size > 0:
            file.write(os.urandom(min(size, 1 << 20)))
            size -= 1 << 20


def load():
    path = at("/state.json")
    if not os.path.exists(path):
        _create()
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def save(state):
    path = at("/state.json")
    with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
        json.dump(state, file, indent=1)
    os.rename(f"{path}.{os.getpid()}", path)


def modes():
    """Failure modes; read again at each step, so that a test can switch them while a command runs."""
    merged = json.loads(os.environ.get("FAKE_YUNOHOST_MODES") or "{}")
    try:
        with open(at("/modes.json"), encoding="utf-8") as file:
            merged.update(json.load(file))
    except FileNotFoundError:
        pass
    return merged


def pause():
    time.sleep(modes().get("slow_ms", 0) / 1000)


def _settings(name, app, allowed, spare_data):
    """settings.yml as PyYAML writes it."""
    groups = " []\n" if not allowed else "\n" + "".join(f"    - {group}\n" for group in allowed)
    data = f"data_dir: /home/yunohost.app/{name}\n" if app["data_dir"] else ""
    spared = "do_not_backup_data: '1'\n" if spare_data else ""
    return (f"_permissions:\n  main:\n    additional_urls: []\n    allowed:{groups}    auth_header: true\n"
            f"    label: {app['name']}\n    protected: false\n    show_tile: true\n    url: /\n"
            f"{data}{spared}db_pwd: s3cret\ndomain: {app['domain']}\nid: {name}\ninstall_dir: /var/www/{name}\n"
            f"path: {app['path']}\n")


def seed_app(state, app):
    """Installs one app: {id, name?, version?, description?, data_dir?, data_bytes?, domain?, path?,
    allowed?: [group], do_not_backup_data?, files?: {path: text}}."""
    name = app["id"]
    domain, path = app.get("domain", state["main_domain"]), app.get("path", f"/{name}")
    home = f"/etc/yunohost/apps/{name}"
    state["apps"][name] = {
        "name": app.get("name", name), "version": app.get("version", "1.0~ynh1"),
        "description": app.get("description", ""), "data_dir": bool(app.get("data_dir") or app.get("data_bytes")),
        "domain": domain, "path": path,
    }
    write(f"{home}/manifest.toml", f'id = "{name}"\nversion = "{state["apps"][name]["version"]}"\n')
    write(f"{home}/settings.yml", _settings(
        name, state["apps"][name], app.get("allowed", ["all_users"]), app.get("do_not_backup_data")), 0o400)
    for script in ("_common.sh", "backup", "install", "remove", "restore", "upgrade"):
        write(f"{home}/scripts/{script}", f"#!/bin/bash\n# {script} of {name}\n", 0o755)
    write(f"/var/www/{name}/index.php", f"<?php echo '{name}';\n")
    write(f"/var/www/{name}/assets/a file with spaces.css", "body { margin: 0 }\n")
    write(f"/etc/nginx/conf.d/{domain}.d/{name}.conf", f"location {path} {{ }}\n")
    write(f"/var/log/{name}/{name}.log", "started\n")
    if state["apps"][name]["data_dir"]:
        write_bytes(f"/home/yunohost.app/{name}/data.bin", app.get("data_bytes", 20_000))
    for inner, text in (app.get("files") or {}).items():
        write(f"/var/www/{name}/{inner}", text)


def _create():
    os.makedirs(root(), mode=0o700, exist_ok=True)
    state = {
        "apps": {}, "version": VERSION, "main_domain": "example.test", "domains": ["example.test", "sub.example.test"],
        "users": {"alice": {"fullname": "Alice A", "groups": ["admins", "all_users"]},
                  "bob": {"fullname": "Bob B", "groups": ["all_users"]}},
        "settings": {COMPRESS: 0, "security.ssh.ssh_port": 22},
        "firewall": {"tcp": {str(p): {"open": True, "upnp": False, "comment": c}
                             for p, c in ((22, "SSH"), (25, "SMTP"), (80, "HTTP"), (443, "HTTPS"))},
                     "udp": {"5353": {"open": True, "upnp": False, "comment": "mDNS"}}},
    }
    try:
        with open(at("/seed.json"), encoding="utf-8") as file:
            apps = json.load(file)["apps"]
    except FileNotFoundError:
        apps = DEFAULT_APPS
    for app in apps:
        seed_app(state, app)
    for user in state["users"]:
        write(f"/home/{user}/notes.txt", f"notes of {user}\n")
        write(f"/var/mail/{user}/cur/1", "Subject: hello\n\nhello\n")
    write("/home/yunohost.multimedia/share/readme.txt", "shared\n")
    write("/etc/yunohost/certs/example.test/crt.pem", "certificate\n", 0o640)
    write("/etc/ldap/ldap.conf", "BASE dc=yunohost,dc=org\n")
    write("/etc/yunohost/installed", "")
    for part, priority in STOCK_PARTS.items():
        for action in ("backup", "restore"):
            write(f"/usr/share/yunohost/hooks/{action}/{priority}-{part}", f"#!/bin/bash\n# {action} {part}\n")
    for folder in ("/home/yunohost.app", "/etc/yunohost/hooks.d/backup", "/var/run"):
        os.makedirs(at(folder), exist_ok=True)
    if not os.path.lexists(archives_dir()):
        os.makedirs(archives_dir())
        os.chmod(archives_dir(), 0o770)
    save(state)
