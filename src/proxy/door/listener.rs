//! Where clients come in: a TCP port or a Unix socket.

use crate::proxy::stream::{SocketOptions, Stream};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener};

/// From where a client comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Over TCP
    Tcp(SocketAddr),
    /// Over a Unix socket
    Unix,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}

/// An open door.
#[derive(Debug)]
pub enum Listener {
    /// A port
    Tcp {
        /// Listens
        socket: TcpListener,
        /// For what it accepts
        options: SocketOptions,
        /// Whose it is
        owner: Owner,
    },
    /// A Unix socket
    Unix {
        /// Listens
        socket: UnixListener,
        /// Removed with it; none where the socket is not ours
        file: Option<SocketFile>,
    },
}

/// Who has opened a port, and listens on when we do not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// We have: it closes with us
    Ourselves,
    /// Who started us: our successor will listen on the same socket
    Starter,
}

/// The file of a Unix socket of ours.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Listener {
    /// Listens on a port. With `reuse_port` several processes, or several workers of one, may share it: the kernel
    /// spreads the clients.
    pub fn tcp(address: SocketAddr, backlog: u32, reuse_port: bool, options: SocketOptions) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(reuse_port)?;
        if address.is_ipv6() {
            // `[::]` and `0.0.0.0` are two addresses, as in PostgreSQL.
            socket.set_only_v6(true)?;
        }
        options.apply(&SockRef::from(&socket))?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        Ok(Self::Tcp { socket: TcpListener::from_std(socket.into())?, options, owner: Owner::Ourselves })
    }

    /// Listens on a port that whoever started us has opened.
    pub fn given_tcp(socket: std::net::TcpListener, options: SocketOptions) -> io::Result<Self> {
        options.apply(&SockRef::from(&socket))?;
        socket.set_nonblocking(true)?;
        Ok(Self::Tcp { socket: TcpListener::from_std(socket)?, options, owner: Owner::Starter })
    }

    /// Listens on a Unix socket that whoever started us has opened.
    pub fn given_unix(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::Unix { socket: UnixListener::from_std(socket)?, file: None })
    }

    /// Listens on `folder/.s.PGSQL.port`, where libpq looks. A file left by a dead process is removed.
    pub fn unix(folder: &Path, port: u16, mode: u32, backlog: u32) -> io::Result<Self> {
        let path = folder.join(format!(".s.PGSQL.{port}"));
        remove_stale(&path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&socket2::SockAddr::unix(&path)?)?;
        // Before anyone can connect: nobody listens yet.
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
        socket.listen(backlog.try_into().unwrap_or(i32::MAX))?;
        let inode = fs::metadata(&path)?.ino();
        let socket = UnixListener::from_std(std::os::fd::OwnedFd::from(socket).into())?;
        Ok(Self::Unix { socket, file: Some(SocketFile { path, inode }) })
    }

    /// The next client.
    pub async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp { socket, options, .. } => {
                let (stream, address) = socket.accept().await?;
                let stream = Stream::Tcp(stream);
                stream.set_options_accepted(options)?;
                Ok((stream, Peer::Tcp(address)))
            }
            Self::Unix { socket, .. } => socket.accept().await.map(|(stream, _)| (Stream::Unix(stream), Peer::Unix)),
        }
    }

    /// The port it got; none for a Unix socket.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { socket, .. } => socket.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }
}

/// Removes a socket file that nobody listens on; `AddrInUse` when somebody does or it is something else.
fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?,
    };
    let answer = std::os::unix::net::UnixStream::connect(path);
    match answer {
        Err(error) if found.file_type().is_socket() && error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path)
        }
        Ok(_) | Err(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{} is in use", path.display()))),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        // A successor may have put its own file there.
        let ours = fs::metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove the socket file");
        }
    }
}
