//! Finds and reads the configuration.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use super::{args::Common, exit::Failure};
use crate::{
    config::{ConfigFile, Origin, Plan, Problems},
    pipeline::Registry,
};

/// No configuration is longer; a device or a log given by mistake may be.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// And what a talk or a replay wrote down, no longer than this.
const RECORD_BYTES_MAX: u64 = 1 << 30;

/// Reads the first configuration there is: the given file, `./pipeline.toml`,
/// the XDG configuration folder's, the built-in one.
///
/// # Errors
/// A file that is there but cannot be read, or a given one that is not there.
pub fn config_of(common: &Common) -> Result<ConfigFile, Failure> {
    find(common.config.as_deref(), Path::new("."), |name| std::env::var_os(name))
}

/// The plan that the command line asks for.
///
/// # Errors
/// As [`config_of`], and everything that is wrong in the configuration.
pub fn plan_from(common: &Common) -> Result<Plan, Failure> {
    let plan = config_of(common)?.plan(common.profile.as_deref(), &common.overrides);
    plan.map_err(|problems| told(&problems))
}

/// Problems as a failure.
pub fn told(problems: &Problems) -> Failure {
    let count = match problems.len() {
        1 => "1 problem in the configuration".to_owned(),
        many => format!("{many} problems in the configuration"),
    };
    Failure::usage(format!("{count}\n\n{problems}"))
}

fn find(
    given: Option<&Path>,
    folder: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<ConfigFile, Failure> {
    let registry = Registry::shipped();
    if let Some(path) = given {
        return match read(path)? {
            Some(bytes) => {
                Ok(ConfigFile::parse_bytes(Origin::File(path.to_owned()), &bytes, &registry))
            }
            None => Err(Failure::usage(format!(
                "there is no file {}; --config wants a pipeline.toml, chinwag check --explain writes one",
                path.display()
            ))),
        };
    }
    for path in candidates(folder, variable) {
        if let Some(bytes) = read(&path)? {
            return Ok(ConfigFile::parse_bytes(Origin::File(path), &bytes, &registry));
        }
    }
    Ok(ConfigFile::shipped(&registry))
}

fn candidates(folder: &Path, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // A relative path is invalid there (XDG Base Directory Specification).
    let xdg = set("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = xdg.or_else(|| set("HOME").map(|home| home.join(".config")));
    let mut paths = vec![folder.join("pipeline.toml")];
    paths.extend(config.map(|config| config.join("chinwag").join("pipeline.toml")));
    paths
}

/// The text of a file that a talk or a replay wrote.
///
/// # Errors
/// A file that cannot be read, or is longer than a week of talk.
pub fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(RECORD_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > RECORD_BYTES_MAX {
        return Err(io::Error::new(ErrorKind::FileTooLarge, "it is over 1 GiB"));
    }
    Ok(text)
}

/// The bytes of a file; `None` where there is none.
fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let cannot = |error: io::Error| {
        Failure::usage(format!("cannot read {}: {error}; check its permissions", path.display()))
    };
    let file = match File::open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        opened => opened.map_err(cannot)?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let path = path.display();
        return Err(Failure::usage(format!("{path} is over 1 MiB; expected a pipeline.toml")));
    }
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_comes_before_the_xdg_folder_and_that_before_home() {
        let paths = |xdg: &str| {
            let xdg = xdg.to_owned();
            candidates(Path::new("."), move |name| match name {
                "XDG_CONFIG_HOME" => Some(xdg.clone().into()),
                "HOME" => Some("/home/me".into()),
                _ => None,
            })
        };
        let home = Path::new("/home/me/.config/chinwag/pipeline.toml");
        assert_eq!(
            paths("/x"),
            [Path::new("./pipeline.toml"), Path::new("/x/chinwag/pipeline.toml")]
        );
        assert_eq!(paths("")[1], home);
        assert_eq!(paths("relative")[1], home);
    }

    #[test]
    fn without_any_file_the_built_in_one_is_read() {
        let file = find(None, Path::new("/nowhere"), |_| None).unwrap();
        assert_eq!(*file.origin(), Origin::Shipped);
    }

    #[test]
    fn a_given_file_that_is_not_there_is_an_error() {
        let failure =
            find(Some(Path::new("/nowhere/p.toml")), Path::new("/"), |_| None).unwrap_err();
        assert!(failure.message.starts_with("there is no file /nowhere/p.toml"), "{failure}");
    }
}
