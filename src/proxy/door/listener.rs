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
    },
    /// A socket file, removed with it
    Unix(UnixDoor),
}

/// A Unix socket and its file.
#[derive(Debug)]
pub struct UnixDoor {
    socket: UnixListener,
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
        Ok(Self::Tcp { socket: TcpListener::from_std(socket.into())?, options })
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
        Ok(Self::Unix(UnixDoor { socket, path, inode }))
    }

    /// The next client.
    pub async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp { socket, options } => {
                let (stream, address) = socket.accept().await?;
                let stream = Stream::Tcp(stream);
                if cfg!(not(target_os = "linux")) {
                    stream.set_options(options)?;
                }
                Ok((stream, Peer::Tcp(address)))
            }
            Self::Unix(door) => door.socket.accept().await.map(|(stream, _)| (Stream::Unix(stream), Peer::Unix)),
        }
    }

    /// The port it got; none for a Unix socket.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { socket, .. } => socket.local_addr().ok(),
            Self::Unix(_) => None,
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

impl Drop for UnixDoor {
    fn drop(&mut self) {
        // A successor may have put its own file there.
        let ours = fs::metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "cannot remove the socket file");
        }
    }
}
