//! Certificates, made by openssl in a folder that goes away with them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("shardway-door-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn root(&self) -> &Path {
        &self.0
    }

    /// `name.crt` and `name.key`: an authority.
    pub fn authority(&self, name: &str) {
        self.openssl(&format!("{} -keyout {name}.key -out {name}.crt -days 9 -subj /CN={name}", new_key()));
    }

    /// `name.crt` and `name.key`, signed by `authority`, with alternative names if there are any.
    pub fn leaf(&self, name: &str, authority: &str, common_name: &str, alternatives: &str) {
        let alternatives = match alternatives {
            "" => String::new(),
            names => format!("-addext subjectAltName={names}"),
        };
        self.openssl(&format!(
            "{} -keyout {name}.key -out {name}.crt -days 9 -subj /CN={common_name} -CA {authority}.crt -CAkey {authority}.key \
             -addext basicConstraints=critical,CA:FALSE {alternatives}",
            new_key()
        ));
    }

    /// `name.crt` and `name.key`: signed by itself, naming its host in the common name only, as in PostgreSQL's manual.
    pub fn self_signed(&self, name: &str, common_name: &str) {
        self.openssl(&format!("{} -keyout {name}.key -out {name}.crt -days 9 -subj /CN={common_name}", new_key()));
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        command.current_dir(&self.0).args(arguments.split_whitespace());
        let output = command.output().expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn new_key() -> &'static str {
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -sha256 -nodes"
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
