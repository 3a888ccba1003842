/* The first process of a pod's sandbox: it holds the pod's namespaces, reaps orphans, and ends when it is told to. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGINT);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGCHLD);
  /* Blocked, they are kept until sigwait takes them: none is lost in between, and process 1 has no default action for them. */
  if (sigprocmask(SIG_BLOCK, &awaited, NULL) != 0) {
    perror("pause: sigprocmask");
    return 1;
  }
  for (;;) {
    int received;
    int error = sigwait(&awaited, &received);
    if (error != 0) {
      errno = error;
      perror("pause: sigwait");
      return 1;
    }
    if (received != SIGCHLD) return 0;
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
  }
}
