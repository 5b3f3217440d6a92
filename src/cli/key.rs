//! The secret: where it comes from, and that it stays one.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{args::Common, exit::Failure};
use crate::protocol::Credential;

/// No key is longer.
const KEY_BYTES_MAX: u64 = 16 * 1024;

/// A secret and where it was found. `Debug` does not show the secret.
#[derive(Clone, Debug)]
pub struct Key {
    /// What proves who we are.
    pub credential: Credential,
    /// Where it was found, for people: `the environment (GEMINI_API_KEY)`.
    pub found_in: String,
}

/// The first key there is: `--key-file`, `CHINWAG_KEY_FILE`, `GEMINI_API_KEY`,
/// `GOOGLE_API_KEY`.
///
/// # Errors
/// A key file that is missing, that others may read, or that holds no key.
pub fn key_of(common: &Common) -> Result<Option<Key>, Failure> {
    find(common.key_file.as_deref(), |name| std::env::var_os(name))
}

/// What to do where a key is needed and there is none.
pub fn missing() -> Failure {
    Failure::usage("there is no API key; set GEMINI_API_KEY, or give --key-file FILE")
}

fn find(
    given: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Option<Key>, Failure> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let named = set("CHINWAG_KEY_FILE").map(PathBuf::from);
    if let Some(path) = given.map(Path::to_owned).or(named) {
        let by = if given.is_some() { "--key-file" } else { "CHINWAG_KEY_FILE" };
        // systemd hands credentials over with an entry for the service's user,
        // which shows as a permission of the group.
        let credentials = set("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let handed_over = credentials.is_some_and(|folder| path.starts_with(folder));
        return from_file(&path, by, if handed_over { 0o007 } else { 0o077 }).map(Some);
    }
    for name in ["GEMINI_API_KEY", "GOOGLE_API_KEY"] {
        if let Some(value) = set(name) {
            let found_in = format!("the environment ({name})");
            let value = value.into_string().map_err(|_| no_key(&found_in, "it is not text"))?;
            return key(&value, found_in).map(Some);
        }
    }
    Ok(None)
}

fn key(secret: &str, found_in: String) -> Result<Key, Failure> {
    let credential = Credential::from_secret(secret);
    let credential = credential.map_err(|error| no_key(&found_in, &error.to_string()))?;
    Ok(Key { credential, found_in })
}

fn no_key(found_in: &str, why: &str) -> Failure {
    Failure::usage(format!("the key in {found_in}: {why}"))
}

/// `forbidden` are the permissions that the file must not give.
fn from_file(path: &Path, by: &str, forbidden: u32) -> Result<Key, Failure> {
    let cannot = |error: io::Error| {
        Failure::usage(format!("cannot read the key file {} ({by}): {error}", path.display()))
    };
    let file = File::open(path).map_err(cannot)?;
    guard(&file, path, forbidden).map_err(cannot)??;
    let found_in = format!("{} ({by})", path.display());
    let mut bytes = Vec::new();
    file.take(KEY_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > KEY_BYTES_MAX {
        return Err(no_key(
            &found_in,
            "it is longer than any key; name a file that holds nothing else",
        ));
    }
    // What editors of other systems put before a text.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| no_key(&found_in, "it is not text"))?;
    key(text, found_in)
}

/// Refuses a file that anybody else may read.
#[cfg(unix)]
fn guard(file: &File, path: &Path, forbidden: u32) -> io::Result<Result<(), Failure>> {
    use std::os::unix::fs::MetadataExt;
    let is_open = file.metadata()?.mode() & forbidden != 0;
    let path = path.display();
    let failure =
        || Failure::usage(format!("others may read the key file {path}; chmod 600 {path}"));
    Ok(if is_open { Err(failure()) } else { Ok(()) })
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // As the other one.
fn guard(_file: &File, _path: &Path, _forbidden: u32) -> io::Result<Result<(), Failure>> {
    Ok(Ok(()))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn file(name: &str, mode: u32) -> PathBuf {
        file_of(name, mode, b"AIzaFromFile\n")
    }

    fn file_of(name: &str, mode: u32, bytes: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("chinwag-{}-{name}", std::process::id()));
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn the_first_of_file_and_environment_is_taken_and_said() {
        let path = file("order", 0o600);
        let set: [(&str, OsString); 3] = [
            ("CHINWAG_KEY_FILE", path.clone().into()),
            ("GEMINI_API_KEY", "gemini".into()),
            ("GOOGLE_API_KEY", "google".into()),
        ];
        for (first, expected) in
            ["CHINWAG_KEY_FILE", "GEMINI_API_KEY", "GOOGLE_API_KEY"].iter().enumerate()
        {
            let variable = |name: &str| {
                set[first..].iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone())
            };
            let key = find(None, variable).unwrap().unwrap();
            assert!(key.found_in.contains(expected), "{}", key.found_in);
        }
        assert!(find(None, |_| None).unwrap().is_none());
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_the_remedy() {
        let path = file("open", 0o644);
        let failure = find(Some(&path), |_| None).unwrap_err();
        assert!(failure.message.ends_with(&format!("chmod 600 {}", path.display())), "{failure}");
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_credential_of_systemd_may_be_readable_by_its_group_and_no_further() {
        let path = file("credential", 0o440);
        let folder = path.parent().unwrap().as_os_str().to_owned();
        let with = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| folder.clone());
        assert!(find(Some(&path), with).is_ok());
        assert!(find(Some(&path), |_| None).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        assert!(find(Some(&path), with).is_err());
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn neither_group_nor_others_may_read_and_a_link_is_judged_by_what_it_leads_to() {
        for (mode, is_fine) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            let path = file(&format!("mode-{mode:o}"), mode);
            let link = path.with_extension("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            for path in [&path, &link] {
                assert_eq!(find(Some(path), |_| None).is_ok(), is_fine, "{mode:o}");
            }
            fs::remove_file(path).unwrap();
            fs::remove_file(link).unwrap();
        }
    }

    #[test]
    fn what_editors_put_around_a_key_is_ignored_and_what_is_no_key_is_not_repeated() {
        let read = |name: &str, bytes: &[u8]| {
            let path = file_of(name, 0o600, bytes);
            let found = find(Some(&path), |_| None);
            fs::remove_file(path).unwrap();
            found.map(|key| key.unwrap().credential.header().unwrap().1)
        };
        for bytes in [&b"AIzaSecret"[..], b" AIzaSecret\r\n\n", b"\xef\xbb\xbfAIzaSecret\n"] {
            assert_eq!(read("fine", bytes).unwrap(), "AIzaSecret");
        }
        let long = vec![b'x'; KEY_BYTES_MAX as usize + 1];
        let two = b"AIzaSecret\nAIzaSecret\n";
        for bytes in [&b""[..], b"\n", b"\xef\xbb\xbf", b"AIza\xffSecret", two, &long] {
            let failure = read("wrong", bytes).unwrap_err();
            assert!(failure.message.contains("--key-file"), "{failure}");
            assert!(!failure.message.contains("Secret"), "{failure}");
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = find(None, |name| (name == "GEMINI_API_KEY").then(|| "AIzaSecret".into()));
        assert!(!format!("{:?}", key.unwrap()).contains("Secret"));
        let failure = find(None, |_| Some("not\na key".into())).unwrap_err();
        assert!(!failure.message.contains("a key\""), "{failure}");
    }
}
