# What may differ between machines; everything else is in the Makefile.
CC ?= gcc
CLANG ?= clang
B ?= build
OPT ?= -O2 -g
PREFIX ?= /usr/local
