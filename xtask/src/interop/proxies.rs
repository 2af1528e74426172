//! The proxies that are most often put in front of servers. The `behind_proxy` example starts each of them
//! with its file in `xtask/interop/proxies`, and a testbed behind it. They run at the same time.

use crate::places::Places;
use crate::tally::Tally;
use crate::tools;

/// For each proxy: its name, its program, Debian's package, and the file of its configuration.
const PROXIES: &[(&str, &str, &str, &str)] = &[
    ("nginx", "nginx", "nginx", "nginx.conf"),
    ("haproxy", "haproxy", "haproxy", "haproxy.cfg"),
    ("caddy", "caddy", "caddy", "caddy.conf"),
    ("apache", "apache2", "apache2-bin", "apache.conf"),
];

/// Runs the checks of the proxies that are installed.
pub(super) fn check(places: &Places, tally: &mut Tally) {
    let mut commands = Vec::new();
    for (name, program, package, config) in PROXIES {
        match tools::find(program, package) {
            Ok(program) => {
                let mut command = places.example("behind_proxy");
                command.arg(name).arg(program).arg(places.scripts.join("proxies").join(config));
                commands.push((format!("behind {name}"), command));
            }
            Err(why) => tally.skip(name, &why),
        }
    }
    tally.run_together(commands);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The values that the page shows where the checks have others.
    const VALUES: &[(&str, &str)] = &[
        ("{http}", "*:80"),
        ("{https}", "*:443"),
        ("{upstream}", "127.0.0.1:9944"),
        ("{site}", "rpc.example.com"),
        ("{cert}", "/etc/ssl/rpc/chain.pem"),
        ("{key}", "/etc/ssl/rpc/key.pem"),
        ("{pem}", "/etc/ssl/rpc/chain-and-key.pem"),
        ("{idle}", "60"),
        ("{check}ms", "2s"),
    ];

    #[test]
    fn the_page_shows_the_lines_that_are_checked() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(root.join("../docs/guides/behind-a-proxy.md")).expect("the page");
        for (name, _, _, config) in PROXIES {
            let file = root.join("interop/proxies").join(config);
            let text = std::fs::read_to_string(file).expect("the proxy's configuration");
            let shown = text.split("# ----\n").nth(1).expect("lines between two lines of dashes");
            let shown =
                VALUES.iter().fold(unindented(shown), |text, (name, value)| text.replace(name, value));
            assert!(page.contains(&shown), "the page lacks these lines of {name}:\n{shown}");
        }
    }

    /// The same lines, indented as little as possible.
    fn unindented(text: &str) -> String {
        let margin = text.len() - text.trim_start().len();
        text.trim_end().lines().map(|line| format!("{}\n", line.get(margin..).unwrap_or_default())).collect()
    }
}
