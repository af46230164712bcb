//! The flags of a run on several hosts.

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches as _};

use super::environment::{HOSTS, HOSTS_ENV, HOSTS_EXE, HOSTS_VIA, Variables};

/// The hosts that share a run, and the way to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Hosts")]
pub(crate) struct HostFlags {
    /// Hosts that share the load, reached by ssh (a,b:2222,user@c), or "slurm" for the nodes of an
    /// allocation.
    #[arg(long, value_name = "HOST,…", env = HOSTS, hide_env_values = true)]
    #[arg(allow_hyphen_values = true)]
    pub(crate) hosts: Option<String>,
    /// Command that starts a shell on a host, in place of ssh (docker exec -i {host}).
    #[arg(long, value_name = "COMMAND", env = HOSTS_VIA, hide_env_values = true)]
    pub(crate) hosts_via: Option<String>,
    /// Program for the hosts, if they are of another system than this one.
    #[arg(long, value_name = "PATH", env = HOSTS_EXE, hide_env_values = true)]
    pub(crate) hosts_exe: Option<PathBuf>,
    /// Variables of this host that workers on the others get too.
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', env = HOSTS_ENV, hide_env_values = true)]
    pub(crate) hosts_env: Vec<String>,
    /// Reaches each host of --hosts, shows its clock, processor and free disk, and runs nothing.
    #[arg(long)]
    pub(crate) hosts_check: bool,
}

impl HostFlags {
    /// Reads the flags, and the variables of those that are missing.
    pub(super) fn read(matches: &ArgMatches, environment: &Variables) -> Result<Self, String> {
        let flags = Self::from_arg_matches(matches).map_err(|error| error.to_string())?;
        let hosts = flags.hosts.map_or_else(|| environment.text(HOSTS), |text| Ok(Some(text)))?;
        let via = flags.hosts_via;
        let hosts_via = via.map_or_else(|| environment.text(HOSTS_VIA), |text| Ok(Some(text)))?;
        let hosts_exe = flags.hosts_exe.or_else(|| environment.path(HOSTS_EXE));
        let in_variable = environment.text(HOSTS_ENV)?.unwrap_or_default();
        let in_variable = in_variable.split(',').map(str::trim).filter(|name| !name.is_empty());
        let hosts_env = match flags.hosts_env.is_empty() {
            true => in_variable.map(str::to_owned).collect(),
            false => flags.hosts_env,
        };
        let of_hosts = [
            ("--hosts-via", hosts_via.is_some()),
            ("--hosts-exe", hosts_exe.is_some()),
            ("--hosts-env", !hosts_env.is_empty()),
            ("--hosts-check", flags.hosts_check),
        ];
        match of_hosts.into_iter().find(|(_, is_given)| *is_given && hosts.is_none()) {
            Some((flag, _)) => {
                Err(format!("{flag}: it needs --hosts; add that flag, or leave {flag} out"))
            }
            None => {
                Ok(Self { hosts, hosts_via, hosts_exe, hosts_env, hosts_check: flags.hosts_check })
            }
        }
    }
}
